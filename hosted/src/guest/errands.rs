//! The list of errands of a guest: one a line, `UID NAME ARGUMENTS…`, the arguments as for this program; `#` begins a comment.

/// What is to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Errand {
    /// By which user, whose group has the same number.
    pub(super) uid: u32,
    /// What its results are called.
    pub(super) name: String,
    /// Without the program.
    pub(super) arguments: Vec<String>,
}

/// What is wrong with a list.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub(super) struct ErrandError {
    line: usize,
    why: String,
}

/// Reads a list. Names are letters, digits and `-`, and no two are the same.
pub(super) fn parse(text: &str) -> Result<Vec<Errand>, ErrandError> {
    let mut errands: Vec<Errand> = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let wrong = |why: &str| ErrandError { line, why: why.into() };
        let text = text.split_once('#').map_or(text, |(before, _)| before);
        let mut words = text.split_whitespace();
        let Some(uid) = words.next() else { continue };
        let uid = uid.parse().map_err(|_| wrong(&format!("expected a user's number, not `{uid}`")))?;
        let name = words.next().ok_or_else(|| wrong("expected a name after the user"))?;
        if name == "guest" || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(wrong(&format!(
                "`{name}` is no name: it has letters, digits and `-` alone, and is not `guest`"
            )));
        }
        if errands.iter().any(|errand| errand.name == name) {
            return Err(wrong(&format!("there are two errands `{name}`")));
        }
        errands.push(Errand { uid, name: name.into(), arguments: words.map(Into::into).collect() });
    }
    Ok(errands)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_errand() {
        let text = "# what\n0 probe-root probe --format json\n\n1000 facts run # as a user\n";
        let errand = |uid, name: &str, arguments: &[&str]| Errand {
            uid,
            name: name.into(),
            arguments: arguments.iter().map(|word| (*word).into()).collect(),
        };
        let expected = vec![errand(0, "probe-root", &["probe", "--format", "json"]), errand(1000, "facts", &["run"])];
        assert_eq!(parse(text), Ok(expected));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let says = |text: &str| parse(text).unwrap_err().to_string();
        assert_eq!(says("0 a probe\nroot b probe"), "line 2: expected a user's number, not `root`");
        assert_eq!(says("7"), "line 1: expected a name after the user");
        assert_eq!(says("0 a x\n0 a y"), "line 2: there are two errands `a`");
        // A name becomes a file's.
        assert!(says("0 ../a x").contains("is no name"));
        assert!(says("0 guest x").contains("is no name"));
    }
}
