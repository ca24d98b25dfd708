/*
 * Two-phase commit, as L. Lamport's TLA+ module TwoPhase specifies it, for SPIN; by hand. `-DN=3` sets how many
 * resource managers there are, at most 10.
 *
 * TwoPhase                            here, a set of resource managers being a bit each
 * rmState[r] = "working"              r is in none of the next three
 *              "prepared"             r in prepared
 *              "committed"            r in committed
 *              "aborted"              r in aborted
 * tmState                             tm
 * tmPrepared                          tm_prepared
 * [type |-> "Prepared", rm |-> r]     r in sent, for r in msgs
 * [type |-> "Commit"], "Abort"        commit, abort
 * TCConsistent                        the assertion; asked whenever one of its sets has changed
 *
 * Each disjunct of TPNext is one d_step of one process that is otherwise always at the same place. So the states that
 * SPIN stores are those of the specification, and its transitions are the steps, with those that change nothing.
 */
#ifndef N
#define N 3
#endif

#define INIT      0
#define COMMITTED 1
#define ABORTED   2

#define ALL    ((1 << N) - 1)
#define BIT(r) (1 << (r))

unsigned tm : 2 = INIT;
bit commit, abort;
unsigned prepared : N;
unsigned committed : N;
unsigned aborted : N;
unsigned tm_prepared : N;
unsigned sent : N;

#define IS_CONSISTENT assert(committed == 0 || aborted == 0)

#define MANAGER(r) \
	/* TMRcvPrepared */ \
	:: d_step { tm == INIT && (sent & BIT(r)) -> tm_prepared = tm_prepared | BIT(r) } \
	/* RMPrepare */ \
	:: d_step { ((prepared | committed | aborted) & BIT(r)) == 0 -> \
		prepared = prepared | BIT(r); sent = sent | BIT(r) } \
	/* RMChooseToAbort */ \
	:: d_step { ((prepared | committed | aborted) & BIT(r)) == 0 -> aborted = aborted | BIT(r); IS_CONSISTENT } \
	/* RMRcvCommitMsg */ \
	:: d_step { commit -> prepared = prepared & ~BIT(r); aborted = aborted & ~BIT(r); \
		committed = committed | BIT(r); IS_CONSISTENT } \
	/* RMRcvAbortMsg */ \
	:: d_step { abort -> prepared = prepared & ~BIT(r); committed = committed & ~BIT(r); \
		aborted = aborted | BIT(r); IS_CONSISTENT }

active proctype two_phase_commit()
{
end:	do
	/* TMCommit */
	:: d_step { tm == INIT && tm_prepared == ALL -> tm = COMMITTED; commit = 1 }
	/* TMAbort */
	:: d_step { tm == INIT -> tm = ABORTED; abort = 1 }
	MANAGER(0)
#if N > 1
	MANAGER(1)
#endif
#if N > 2
	MANAGER(2)
#endif
#if N > 3
	MANAGER(3)
#endif
#if N > 4
	MANAGER(4)
#endif
#if N > 5
	MANAGER(5)
#endif
#if N > 6
	MANAGER(6)
#endif
#if N > 7
	MANAGER(7)
#endif
#if N > 8
	MANAGER(8)
#endif
#if N > 9
	MANAGER(9)
#endif
	od
}
