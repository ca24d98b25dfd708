/*
 * The scenario `double-fork` (scenarios/library) for SPIN, by hand, after MODEL.md.
 *
 * Without further macros: under the profile `linux`, process groups as the tracking; with -DHARDENED under
 * `linux-hardened`, job groups. With -DG3 complete tracking is asserted, with -DG4 complete kill; one at a time.
 *
 * Generate with -o2, or SPIN leaves out what is written and not read, such as `condemned` without -DG4.
 * Each entry of the process table is a SPIN process, always at the same place, of which every step is one d_step; so the
 * states that SPIN stores are the states of the model. What the scenario leaves constant is not written down: handles,
 * memory, buffers. Neither is what follows from the rest: an entry's rank (the builder leads its group, and never
 * detaches), its group (the supervisor is in none, all others in the one there is), and the quota under
 * `linux-hardened` (four processes; there are never more than three).
 */
#define TABLE 6
#define INIT  255 /* the parent of whoever has no other */

mtype = { FREE, EMBRYO, ALIVE, ZOMBIE }
mtype = { SUPERVISOR, BUILDER, MIDDLE, DAEMON }

/* The table. `at` is the number of the next instruction in the program. */
mtype status[TABLE] = { ALIVE, FREE, FREE, FREE, FREE, FREE };
mtype program[TABLE] = SUPERVISOR;
byte parent[TABLE] = INIT;
byte at[TABLE];
bit lost[TABLE];
bit condemned[TABLE];

#define me          _pid
#define LIVES(p)    (status[p] == EMBRYO || status[p] == ALIVE)
#define IS_AT(p, n) (status[me] == ALIVE && program[me] == p && at[me] == n)

byte child, other; /* scratch: 0 between steps */

/* G4: whoever was there when a kill of its group returned takes no step. */
#ifdef G4
#define STEP assert(!condemned[me])
#else
#define STEP skip
#endif

/* G3: whoever lives and has a group is tracked in it. */
inline judge() {
#ifdef G3
	for (other : 0 .. TABLE - 1) {
		assert(!(LIVES(other) && lost[other]))
	}
#endif
	other = 0
}

inline clear(p) {
	status[p] = FREE; program[p] = SUPERVISOR; parent[p] = INIT; at[p] = 0; lost[p] = 0; condemned[p] = 0
}

/* Makes a child of `me` in the lowest free entry. There always is one: four processes, six entries. */
inline create(what, how) {
	child = 0;
	do
	:: status[child] == FREE -> break
	:: else -> child++
	od;
	status[child] = how; program[child] = what; parent[child] = me; lost[child] = lost[me];
	child = 0
}

/* Ends p: its children become init's, which waits for zombies at once; p itself waits for its parent. */
inline finish(p) {
	for (other : 0 .. TABLE - 1) {
		if
		:: parent[other] == p ->
			parent[other] = INIT;
			if
			:: status[other] == ZOMBIE -> clear(other)
			:: else
			fi
		:: else
		fi
	}
	other = 0;
	at[p] = 0; lost[p] = 0; condemned[p] = 0;
	if
	:: parent[p] == INIT -> clear(p)
	:: else -> status[p] = ZOMBIE
	fi
}

/* Ends every living member that is tracked, and condemns those that live on. */
inline kill_group() {
	for (child : 1 .. TABLE - 1) {
		if
		:: LIVES(child) && !lost[child] -> finish(child)
		:: else
		fi
	}
	for (child : 1 .. TABLE - 1) {
		if
		:: LIVES(child) -> condemned[child] = 1
		:: else
		fi
	}
	child = 0
}

/* A zombie builder that waits for `me`. */
inline reap() {
	child = 1;
	do
	:: status[child] == ZOMBIE && parent[child] == me && program[child] == BUILDER -> break
	:: else -> child++
	od;
	clear(child);
	child = 0
}

#define HAS_ZOMBIE(p) (status[p] == ZOMBIE && parent[p] == me && program[p] == BUILDER)
#define ANY_ZOMBIE    (HAS_ZOMBIE(1) || HAS_ZOMBIE(2) || HAS_ZOMBIE(3) || HAS_ZOMBIE(4) || HAS_ZOMBIE(5))

active [TABLE] proctype entry()
{
end:	do
	/* supervisor: Spawn(builder), Wait(builder, until), Kill(job), Exit */
	:: d_step { IS_AT(SUPERVISOR, 0) -> STEP; create(BUILDER, EMBRYO); at[me] = 1; judge() }
	:: d_step { IS_AT(SUPERVISOR, 1) && ANY_ZOMBIE -> STEP; reap(); at[me] = 2; judge() }
	:: d_step { IS_AT(SUPERVISOR, 1) -> STEP; at[me] = 2; judge() } /* the time is over */
	:: d_step { IS_AT(SUPERVISOR, 2) -> STEP; kill_group(); at[me] = 3; judge() }
	:: d_step { IS_AT(SUPERVISOR, 3) -> STEP; finish(me); judge() }

	/* whoever was forked and has not started its own program */
	:: d_step { status[me] == EMBRYO -> STEP; status[me] = ALIVE; judge() }

	/* builder: Fork(middle), Compute, Exit */
	:: d_step { IS_AT(BUILDER, 0) -> STEP; create(MIDDLE, ALIVE); at[me] = 1; judge() }
	:: d_step { IS_AT(BUILDER, 1) -> STEP; at[me] = 2; judge() }
	:: d_step { IS_AT(BUILDER, 2) -> STEP; finish(me); judge() }

	/* middle: Detach, Fork(daemon), Exit */
#ifdef HARDENED
	:: d_step { IS_AT(MIDDLE, 0) -> STEP; at[me] = 1; judge() }
#else
	:: d_step { IS_AT(MIDDLE, 0) -> STEP; lost[me] = 1; at[me] = 1; judge() }
#endif
	:: d_step { IS_AT(MIDDLE, 1) -> STEP; create(DAEMON, ALIVE); at[me] = 2; judge() }
	:: d_step { IS_AT(MIDDLE, 2) -> STEP; finish(me); judge() }

	/* daemon: Forever([Compute]) */
	:: d_step { IS_AT(DAEMON, 0) -> STEP; judge() }
	od
}
