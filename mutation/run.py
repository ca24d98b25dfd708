"""Called by `run`: puts every mutant behind a switch, leaves out what does not compile, builds the tests once, and runs them with one
mutant at a time: those that reach it, the quickest first, until one fails."""

import collections, json, os, queue, random, resource, shutil, signal, subprocess, sys, tempfile, threading, time

OUT, SECONDS = sys.argv[1], int(sys.argv[2])
TREE = f"{OUT}/tree"
END = time.time() + SECONDS
# Tests of what no mutant is in, and those that run for minutes.
SKIP = {"host", "lacuna_hosted", "probe", "launch", "plan", "guests", "explain", "tension", "cluster", "engine", "spin", "sweep"}
LONGEST = 15
MUTANTS = json.load(open(f"{OUT}/mutants.json"))


def switched():
    """Rewrites the sources from what was committed."""
    subprocess.run(["git", "checkout", "-q", "."], cwd=TREE, check=True)
    here = os.path.dirname(os.path.abspath(__file__))
    tool = f"{OUT}/tool/debug/lacuna-mutation"
    subprocess.run([tool, f"{OUT}/mutants.json", TREE, f"{OUT}/not-viable", f"{OUT}/map.json"], check=True)
    shutil.copy(f"{here}/switch.rs", f"{TREE}/model/src/mutant_switch.rs")
    lib = open(f"{TREE}/model/src/lib.rs").read()
    lib = lib.replace("\npub mod ", "\n#[allow(missing_docs)]\npub mod mutant_switch;\npub mod ", 1)
    open(f"{TREE}/model/src/lib.rs", "w").write(lib)
    return json.load(open(f"{OUT}/map.json"))


def not_viable(where):
    """The mutants that the compiler complains of: of all whose text is there, those with the least of it."""
    check = subprocess.run(
        ["cargo", "check", "-p", "lacuna-model", "--message-format=json"], cwd=TREE, capture_output=True, text=True
    )
    found = set()
    for line in check.stdout.splitlines():
        message = json.loads(line).get("message")
        if not message or message["level"] != "error":
            continue
        for span in sorted(message["spans"], key=lambda span: not span["is_primary"]):
            around = [
                (end - start, mutant)
                for start, end, mutant in where.get(span["file_name"], [])
                if start <= span["byte_start"] and span["byte_end"] <= end
            ]
            if around:
                found |= {mutant for size, mutant in around if size == min(around)[0]}
                break
    if check.returncode and not found:
        sys.exit("the switched sources do not compile, and no mutant is to blame:\n" + check.stderr[-4000:])
    return found


def viable():
    # A function that returns some iterator has one type, and a mutant of it would be another: those stay to cargo-mutants itself.
    known = set(map(int, open(f"{OUT}/not-viable").read().split()))
    if not known:
        opaque = lambda one: one["genre"] == "FnValue" and "impl " in (one["function"]["return_type"] or "")
        known = {number for number, one in enumerate(MUTANTS) if opaque(one)}
    while True:
        open(f"{OUT}/not-viable", "w").write("\n".join(map(str, sorted(known))))
        state = switched()
        more = not_viable(state["map"])
        if not more:
            return sorted(state["used"])
        known |= more


def limits():
    os.setsid()
    resource.setrlimit(resource.RLIMIT_AS, (10 << 30, 10 << 30))


ENV = dict(
    os.environ, PROPTEST_RNG_SEED="20261128", PROPTEST_DISABLE_FAILURE_PERSISTENCE="1", PROPTEST_MAX_SHRINK_ITERS="0", NO_COLOR="1"
)


def passes(test, env, seconds):
    binary, directory, name = test
    quiet = dict(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    run = subprocess.Popen(
        [binary, "--exact", name, "--test-threads", "1"], cwd=directory, env=dict(ENV, **env), preexec_fn=limits, **quiet
    )
    try:
        return run.wait(seconds) == 0
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        return None


def covered():
    """For each mutant the tests that reach it, the quickest first."""
    kept = f"{OUT}/cover.json"
    if not os.path.exists(kept):
        build = subprocess.run(
            ["cargo", "test", "--workspace", "--no-run", "--message-format=json"], cwd=TREE, stdout=subprocess.PIPE, text=True, check=True
        )
        tests = []
        for line in build.stdout.splitlines():
            built = json.loads(line)
            if not built.get("executable") or not built.get("profile", {}).get("test") or built["target"]["name"] in SKIP:
                continue
            directory = os.path.dirname(built["manifest_path"])
            listed = subprocess.run([built["executable"], "--list"], cwd=directory, env=ENV, capture_output=True, text=True)
            for line in listed.stdout.splitlines():
                if line.endswith(": test"):
                    tests.append((built["executable"], directory, line[: -len(": test")]))
        cover = []
        for test in tests:
            reached = tempfile.mktemp()
            start = time.time()
            if passes(test, {"MUTANT_COVER": reached}, LONGEST) and os.path.exists(reached):
                cover.append((test, time.time() - start, sorted(set(map(int, open(reached).read().split())))))
            if os.path.exists(reached):
                os.unlink(reached)
        json.dump(cover, open(kept, "w"))
    by = collections.defaultdict(list)
    for test, seconds, reached in sorted(json.load(open(kept)), key=lambda one: one[1]):
        for number in reached:
            by[number].append((test, seconds))
    return by


def main():
    numbers = viable()
    by = covered()
    results = f"{OUT}/results.jsonl"
    done = [json.loads(line) for line in open(results)] if os.path.exists(results) else []
    # In an order that chance has made, so that what was tried so far is a sample of all.
    left = sorted(set(numbers) - {one["mutant"] for one in done})
    random.Random(7).shuffle(left)
    todo = queue.Queue()
    for number in left:
        todo.put(number)
    lock, file = threading.Lock(), open(results, "a")

    def work():
        while time.time() < END:
            try:
                number = todo.get_nowait()
            except queue.Empty:
                return
            verdict, noticed = ("missed" if by[number] else "unreached"), None
            for test, seconds in by[number]:
                passed = passes(test, {"MUTANT": str(number)}, max(15, 6 * seconds))
                if not passed:
                    verdict, noticed = ("timeout" if passed is None else "caught"), test[2]
                    break
            with lock:
                done.append({"mutant": number, "name": MUTANTS[number]["name"], "verdict": verdict, "by": noticed})
                file.write(json.dumps(done[-1]) + "\n")
                file.flush()

    workers = [threading.Thread(target=work) for _ in range(os.cpu_count() or 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    counts = collections.Counter(one["verdict"] for one in done)
    noticed = counts["caught"] + counts["timeout"]
    for one in sorted(done, key=lambda one: one["name"]):
        if one["verdict"] in ("missed", "unreached"):
            print(f"{one['verdict']:10}{one['name']}")
    print(f"{len(done)} of {len(numbers)} viable mutants tried: {noticed} noticed ({100 * noticed / max(1, len(done)):.1f} %), {dict(counts)}")


main()
