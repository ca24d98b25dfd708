/*
 * The scenario `parallel-spawn` (scenarios/library) for SPIN, by hand, after MODEL.md.
 *
 * Without further macros: under the profile `linux`, a handle is flagged after it was created, and exec closes what is
 * flagged; with -DHARDENED under `linux-hardened`, a handle is created flagged, and exec closes what the creation did not
 * list. With -DG2 explicit transfer is asserted. Generate with -o2, or SPIN leaves out what is written and not read.
 *
 * The two contexts of the server and the other entries of the process table are a SPIN process each, always at the same
 * place, of which every step is one d_step; so the states that SPIN stores are the states of the model. What the scenario
 * leaves constant is not written down: groups, memory, buffers. Neither is the server's own entry but for its handles: it
 * lives as long as one of its contexts does.
 */
#define TABLE 4
#define SELF  0 /* the server's entry */

mtype = { FREE, EMBRYO, ALIVE, ZOMBIE }

/* The process table. A pipe is a bit: 1 for `pipe-a`, 2 for `pipe-b`. `at` is the number of the next instruction. */
mtype status[TABLE] = { ALIVE, FREE, FREE, FREE };
byte handles[TABLE];
byte flagged[TABLE];
byte listed[TABLE];
byte program[TABLE]; /* 0 for the server, 1 for `worker-a`, 2 for `worker-b` */
byte at[TABLE];
bit orphan[TABLE]; /* is init its parent, and no longer the server? */

/* The contexts of the server: the number of the next instruction. */
#define GONE 5
byte first_or_second[2];

byte entry; /* scratch: 0 between steps */

/* Makes a child in the lowest free entry, a copy of the server. There always is one: three processes, four entries. */
inline fork(what, pass) {
	entry = 1;
	do
	:: status[entry] == FREE -> break
	:: else -> entry++
	od;
	status[entry] = EMBRYO; program[entry] = what; listed[entry] = pass & handles[SELF];
	handles[entry] = handles[SELF]; flagged[entry] = flagged[SELF];
	entry = 0
}

inline clear(p) {
	status[p] = FREE; handles[p] = 0; flagged[p] = 0; listed[p] = 0; program[p] = 0; at[p] = 0; orphan[p] = 0
}

/* The context ends, and with the last one the server: its children become init's, which waits for zombies at once. */
inline end_context() {
	first_or_second[_pid] = GONE;
	if
	:: first_or_second[1 - _pid] == GONE ->
		clear(SELF);
		for (entry : 1 .. TABLE - 1) {
			if
			:: status[entry] == ZOMBIE -> clear(entry)
			:: status[entry] == EMBRYO || status[entry] == ALIVE -> orphan[entry] = 1
			:: else
			fi
		}
		entry = 0
	:: else
	fi
}

/* The handles that the new program gets, and G2: they are among those that were listed. */
inline exec(p) {
#ifdef HARDENED
	handles[p] = handles[p] & listed[p];
#else
	handles[p] = handles[p] & (listed[p] | ~flagged[p]);
#endif
#ifdef G2
	assert((handles[p] & ~listed[p]) == 0);
#endif
	flagged[p] = 0; listed[p] = 0; status[p] = ALIVE
}

#define OWN       (1 << _pid)
#define IS_AT(n)  (first_or_second[_pid] == n)

/* first: Open(pipe-a), Spawn(worker-a, [pipe-a]), Close(pipe-a); second: the same with b. */
active [2] proctype server()
{
end:	do
#ifdef HARDENED
	:: d_step { IS_AT(0) -> handles[SELF] = handles[SELF] | OWN; flagged[SELF] = flagged[SELF] | OWN;
		first_or_second[_pid] = 2 }
#else
	:: d_step { IS_AT(0) -> handles[SELF] = handles[SELF] | OWN; first_or_second[_pid] = 1 }
	:: d_step { IS_AT(1) -> flagged[SELF] = flagged[SELF] | OWN; first_or_second[_pid] = 2 }
#endif
	:: d_step { IS_AT(2) -> fork(_pid + 1, OWN); first_or_second[_pid] = 3 }
	:: d_step { IS_AT(3) -> handles[SELF] = handles[SELF] & ~OWN; flagged[SELF] = flagged[SELF] & ~OWN;
		first_or_second[_pid] = 4 }
	:: d_step { IS_AT(4) -> end_context() }
	od
}

/* The other entries; whoever is in one: Compute, Exit. */
#define ME (_pid - 1)

active [TABLE - 1] proctype worker()
{
end:	do
	:: d_step { status[ME] == EMBRYO -> exec(ME) }
	:: d_step { status[ME] == ALIVE && at[ME] == 0 -> at[ME] = 1 }
	:: d_step { status[ME] == ALIVE && at[ME] == 1 ->
		handles[ME] = 0; at[ME] = 0;
		if
		:: orphan[ME] -> clear(ME)
		:: else -> status[ME] = ZOMBIE
		fi }
	od
}
