/*
 * The scenario `fork-bomb` (scenarios/library) for SPIN, by hand, after MODEL.md.
 *
 * Without further macros: under the profile `linux`, no quota; with -DHARDENED under `linux-hardened`, a quota of the job
 * group. With -DG6 the group's limit is asserted. Generate with -o2, or SPIN leaves out what is written and not read.
 *
 * Each entry of the process table is a SPIN process, always at the same place, of which every step is one d_step; so the
 * states that SPIN stores are the states of the model. What the scenario leaves constant is not written down: handles,
 * memory, buffers. Neither is what follows from the rest: everybody but the supervisor (entry 0) is an instance of the
 * builder, is in the one group there is, and is tracked, for nobody detaches.
 */
#define TABLE 6
#define LIMIT 4
#define INIT  255 /* the parent of whoever has no other */

mtype = { FREE, EMBRYO, ALIVE, ZOMBIE }

mtype status[TABLE] = { ALIVE, FREE, FREE, FREE, FREE, FREE };
byte parent[TABLE] = INIT;
byte at; /* of the supervisor: the number of the next instruction. A builder is always at its only one. */

byte child, other, members; /* scratch: 0 between steps */

#define me       _pid
#define LIVES(p) (status[p] == EMBRYO || status[p] == ALIVE)

/* Zombies included, as kernels count them. */
inline count_members() {
	for (other : 1 .. TABLE - 1) {
		if
		:: status[other] != FREE -> members++
		:: else
		fi
	}
	other = 0
}

/* G6: the group never has more processes than its limit. */
inline judge() {
#ifdef G6
	count_members();
	assert(members <= LIMIT);
	members = 0
#else
	skip
#endif
}

/* Makes a child of `me` in the lowest free entry, if the quota admits one and there is such an entry. */
inline create(how) {
	child = 1;
	do
	:: child == TABLE -> break
	:: child < TABLE && status[child] == FREE -> break
	:: else -> child++
	od;
#ifdef HARDENED
	count_members();
#endif
	if
	:: child < TABLE && members < LIMIT -> status[child] = how; parent[child] = me
	:: else /* refused */
	fi;
	child = 0; members = 0
}

/* Ends p: its children become init's, which waits for zombies at once; p itself waits for its parent. */
inline finish(p) {
	for (other : 1 .. TABLE - 1) {
		if
		:: parent[other] == p ->
			parent[other] = INIT;
			if
			:: status[other] == ZOMBIE -> status[other] = FREE
			:: else
			fi
		:: else
		fi
	}
	other = 0;
	if
	:: parent[p] == INIT -> status[p] = FREE
	:: else -> status[p] = ZOMBIE
	fi
}

inline kill_group() {
	for (child : 1 .. TABLE - 1) {
		if
		:: LIVES(child) -> finish(child)
		:: else
		fi
	}
	child = 0
}

/* Frees the entry of the supervisor's zombie, its only child. */
inline reap() {
	child = 1;
	do
	:: status[child] == ZOMBIE && parent[child] == me -> break
	:: else -> child++
	od;
	status[child] = FREE; parent[child] = INIT;
	child = 0
}

#define IS_ZOMBIE(p) (status[p] == ZOMBIE && parent[p] == 0)
#define ANY_ZOMBIE   (IS_ZOMBIE(1) || IS_ZOMBIE(2) || IS_ZOMBIE(3) || IS_ZOMBIE(4) || IS_ZOMBIE(5))
#define IS_AT(n)     (me == 0 && status[0] == ALIVE && at == n)

active [TABLE] proctype entry()
{
end:	do
	/* supervisor: Spawn(builder), Wait(builder, until), Kill(job), Exit */
	:: d_step { IS_AT(0) -> create(EMBRYO); at = 1; judge() }
	:: d_step { IS_AT(1) && ANY_ZOMBIE -> reap(); at = 2; judge() }
	:: d_step { IS_AT(1) -> at = 2; judge() } /* the time is over */
	:: d_step { IS_AT(2) -> kill_group(); at = 3; judge() }
	:: d_step { IS_AT(3) -> finish(0); at = 0; judge() }

	/* whoever was forked and has not started its own program */
	:: d_step { status[me] == EMBRYO -> status[me] = ALIVE; judge() }

	/* builder: Forever([Fork(builder)]) */
	:: d_step { me != 0 && status[me] == ALIVE -> create(ALIVE); judge() }
	od
}
