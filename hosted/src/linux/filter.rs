//! A small assembler for seccomp filters: rules in, a program of classic BPF out, and an interpreter to test it with.
//!
//! Source: `seccomp(2)`, `linux/filter.h`, the kernel's `userspace-api/seccomp_filter.rst`. Our own, and not the crate
//! `seccompiler`, for three reasons: several error numbers in one filter (`ENOSYS` makes a program fall back, `EPERM`
//! makes it stop), the guard against x32 numbers, and comparisons of the low 32 bits that a kernel looks at, so that
//! high bits set on purpose change nothing (CVE-2019-10063).
//!
//! Invariants: the filter is a deny-list, tried in the order of the rules; the first that matches decides; a call of
//! another architecture, or numbered as x32, is refused before any rule. Every jump is forward and inside.

/// One instruction, laid out as the kernel's `sock_filter`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    code: u16,
    if_true: u8,
    if_false: u8,
    value: u32,
}

impl Instruction {
    /// A program of its own, which allows every call.
    pub(crate) const ALLOW_ALL: [Self; 1] = [Self { code: RETURN, if_true: 0, if_false: 0, value: ALLOW }];
}

/// What is asked about the low 32 bits of an argument of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Test {
    /// Any of these bits is set.
    AnyBit {
        /// Which argument, from 0.
        argument: u8,
        /// The bits.
        bits: u32,
    },
    /// Under this mask it equals the value.
    Is {
        /// Which argument, from 0.
        argument: u8,
        /// The bits looked at.
        mask: u32,
        /// What they are.
        value: u32,
    },
    /// Under this mask it differs from the value.
    IsNot {
        /// Which argument, from 0.
        argument: u8,
        /// The bits looked at.
        mask: u32,
        /// What they are not.
        value: u32,
    },
}

/// A call that is refused when every test holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deny {
    /// The number of the call.
    pub call: u32,
    /// All of these; none means always.
    pub when: Vec<Test>,
    /// The error number the caller sees.
    pub errno: u16,
}

const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const AND: u16 = 0x54; // BPF_ALU | BPF_AND | BPF_K
const JUMP_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const JUMP_NOT_BELOW: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
const JUMP_ANY_BIT: u16 = 0x45; // BPF_JMP | BPF_JSET | BPF_K
const RETURN: u16 = 0x06; // BPF_RET | BPF_K

const ALLOW: u32 = 0x7fff_0000; // SECCOMP_RET_ALLOW
const ERRNO: u32 = 0x0005_0000; // SECCOMP_RET_ERRNO
const ENOSYS: u16 = 38;

/// Offsets in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;

/// Numbers from here up are x32 calls on x86-64 (and none on any other machine).
const X32: u32 = 0x4000_0000;

/// Where the low half of an argument is.
const fn low_half(argument: u8) -> u32 {
    16 + 8 * argument as u32 + if cfg!(target_endian = "big") { 4 } else { 0 }
}

/// The program of these rules, for calls of one architecture (an `AUDIT_ARCH_*`).
pub fn assemble(architecture: u32, rules: &[Deny]) -> Vec<Instruction> {
    let step = |code, value| Instruction { code, if_true: 0, if_false: 0, value };
    let jump = |code, value, if_true, if_false| Instruction { code, if_true, if_false, value };
    let refuse = |errno: u16| step(RETURN, ERRNO | u32::from(errno));
    let mut program = vec![
        step(LOAD, ARCHITECTURE),
        jump(JUMP_EQUAL, architecture, 1, 0),
        refuse(ENOSYS),
        step(LOAD, NUMBER),
        jump(JUMP_NOT_BELOW, X32, 0, 1),
        refuse(ENOSYS),
    ];
    for rule in rules {
        let mut tests = Vec::new();
        for test in &rule.when {
            let (argument, mask) = match *test {
                Test::AnyBit { argument, .. } => (argument, u32::MAX),
                Test::Is { argument, mask, .. } | Test::IsNot { argument, mask, .. } => (argument, mask),
            };
            tests.push(step(LOAD, low_half(argument)));
            if mask != u32::MAX {
                tests.push(step(AND, mask));
            }
            // Both ways out are filled in below: 0 goes on, 1 stands for "this rule does not match".
            tests.push(match *test {
                Test::AnyBit { bits, .. } => jump(JUMP_ANY_BIT, bits, 0, 1),
                Test::Is { value, .. } => jump(JUMP_EQUAL, value, 0, 1),
                Test::IsNot { value, .. } => jump(JUMP_EQUAL, value, 1, 0),
            });
        }
        tests.push(refuse(rule.errno));
        let length = tests.len();
        for (place, instruction) in tests.iter_mut().enumerate() {
            let out = (length - place - 1) as u8;
            instruction.if_true *= out;
            instruction.if_false *= out;
        }
        if !rule.when.is_empty() {
            // A test has overwritten the number.
            tests.push(step(LOAD, NUMBER));
        }
        program.push(jump(JUMP_EQUAL, rule.call, 0, tests.len() as u8));
        program.append(&mut tests);
    }
    program.push(step(RETURN, ALLOW));
    program
}

/// What a program decides for a call: the error number, or `None` if it is allowed or the program is not one.
pub fn interpret(program: &[Instruction], architecture: u32, call: u32, arguments: [u64; 6]) -> Option<u16> {
    let mut accumulator = 0u32;
    let mut at = 0usize;
    while let Some(instruction) = program.get(at) {
        let Instruction { code, if_true, if_false, value } = *instruction;
        at += 1;
        let holds = match code {
            LOAD => {
                accumulator = match value {
                    NUMBER => call,
                    ARCHITECTURE => architecture,
                    place => *arguments.get((place as usize - 16) / 8)? as u32,
                };
                continue;
            }
            AND => {
                accumulator &= value;
                continue;
            }
            RETURN => return (value & 0xffff_0000 == ERRNO).then_some(value as u16),
            JUMP_EQUAL => accumulator == value,
            JUMP_NOT_BELOW => accumulator >= value,
            JUMP_ANY_BIT => accumulator & value != 0,
            _ => return None,
        };
        at += usize::from(if holds { if_true } else { if_false });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HERE: u32 = 0xc000_003e;

    #[test]
    fn guards_come_first() {
        let program = assemble(HERE, &[]);
        assert_eq!(interpret(&program, HERE, 1, [0; 6]), None);
        assert_eq!(interpret(&program, HERE, X32 | 1, [0; 6]), Some(ENOSYS));
        assert_eq!(interpret(&program, HERE, u32::MAX, [0; 6]), Some(ENOSYS));
        assert_eq!(interpret(&program, 0x4000_0003, 1, [0; 6]), Some(ENOSYS));
    }

    #[test]
    fn high_bits_change_nothing() {
        let when = vec![Test::Is { argument: 1, mask: u32::MAX, value: 0x5412 }];
        let program = assemble(HERE, &[Deny { call: 16, when, errno: 1 }]);
        assert_eq!(interpret(&program, HERE, 16, [0, 0x5412, 0, 0, 0, 0]), Some(1));
        assert_eq!(interpret(&program, HERE, 16, [0, 0xdead_0000_5412, 0, 0, 0, 0]), Some(1));
        assert_eq!(interpret(&program, HERE, 16, [0, 0x5413, 0, 0, 0, 0]), None);
    }

    fn any_test() -> impl Strategy<Value = Test> {
        let argument = 0u8..3;
        prop_oneof![
            (argument.clone(), 0u32..8).prop_map(|(argument, bits)| Test::AnyBit { argument, bits }),
            (argument.clone(), prop_oneof![Just(u32::MAX), 0u32..8], 0u32..4)
                .prop_map(|(argument, mask, value)| Test::Is { argument, mask, value }),
            (argument, prop_oneof![Just(u32::MAX), 0u32..8], 0u32..4).prop_map(|(argument, mask, value)| Test::IsNot {
                argument,
                mask,
                value
            }),
        ]
    }

    fn holds(test: &Test, arguments: &[u64; 6]) -> bool {
        let low = |argument: u8| arguments[usize::from(argument)] as u32;
        match *test {
            Test::AnyBit { argument, bits } => low(argument) & bits != 0,
            Test::Is { argument, mask, value } => low(argument) & mask == value,
            Test::IsNot { argument, mask, value } => low(argument) & mask != value,
        }
    }

    proptest! {
        #[test]
        fn the_program_decides_as_the_rules_say(
            rules in prop::collection::vec(
                (0u32..4, prop::collection::vec(any_test(), 0..4), 1u16..100)
                    .prop_map(|(call, when, errno)| Deny { call, when, errno }),
                0..12,
            ),
            call in 0u32..5,
            arguments in prop::array::uniform6(prop_oneof![0u64..8, any::<u64>()]),
        ) {
            let said = rules.iter().find(|rule| rule.call == call && rule.when.iter().all(|test| holds(test, &arguments)));
            let program = assemble(HERE, &rules);
            prop_assert_eq!(interpret(&program, HERE, call, arguments), said.map(|rule| rule.errno));
        }
    }
}
