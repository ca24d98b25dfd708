//! The library parses, says what it should, and means the same in JSON.

use lacuna_model::guarantee::GuaranteeId::{G2, G3, G4, G6, G7, G8, G12, G18, G19, G20};
use lacuna_model::system::Expectation;
use lacuna_scenarios::{Source, library};

#[test]
fn every_scenario_parses_without_a_warning() {
    for entry in library() {
        match entry.source.parse() {
            Ok(scenario) => {
                assert_eq!(scenario.warnings, [], "{}", entry.name);
                assert_eq!(scenario.system.name, entry.name);
            }
            Err(diagnostics) => {
                let all: Vec<_> = diagnostics.iter().map(ToString::to_string).collect();
                panic!("{}:\n{}", entry.name, all.join("\n"));
            }
        }
    }
}

#[test]
fn every_file_of_the_library_is_in_it() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/library");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    let mut names: Vec<_> = library().iter().map(|entry| format!("{}.ron", entry.name)).collect();
    files.sort();
    names.sort();
    assert_eq!(files, names);
}

#[test]
fn every_scenario_opens_with_what_it_shows_and_where_it_was_met() {
    for entry in library() {
        assert!(entry.source.text.starts_with("// What it shows:"), "{}", entry.name);
        assert!(entry.source.text.contains("\n// Where it was met:"), "{}", entry.name);
    }
}

#[test]
fn expectations_on_linux() {
    let expected = [
        ("ci-job", vec![G2, G3, G4, G6, G7, G8]),
        ("residue", vec![G8]),
        ("shutdown", vec![G12]),
        ("parallel-spawn", vec![G2]),
        ("double-fork", vec![G3, G4]),
        ("fork-bomb", vec![G6]),
        ("priority-inversion", vec![G18, G20]),
        ("overrun", vec![G18, G19]),
    ];
    for (name, fails) in expected {
        let entry = library().iter().find(|entry| entry.name == name).unwrap();
        let system = entry.system().unwrap();
        let of = |profile: &str| system.expect.iter().find(|(name, _)| name == profile).map(|(_, what)| what.clone());
        assert_eq!(of("linux"), Some(Expectation::Fails(fails)), "{name}");
        assert_eq!(of("ideal"), Some(Expectation::Holds), "{name}");
        // No confinement makes a program ask for inheritance, and none is irrevocable.
        let hardened =
            if ["priority-inversion", "shutdown"].contains(&name) { of("linux") } else { Some(Expectation::Holds) };
        assert_eq!(of("linux-hardened"), hardened, "{name}");
    }
}

#[test]
fn the_same_scenario_in_json_is_the_same_system() {
    for entry in library() {
        let json = entry.source.to_json().unwrap();
        let translated = Source::new(format!("{}.json", entry.name), json.clone());
        let system = translated.parse().unwrap_or_else(|errors| panic!("{json}\n{errors:#?}")).system;
        assert_eq!(Ok(system), entry.system(), "{}", entry.name);
        assert_eq!(translated.to_json(), Ok(json), "writing JSON again changes nothing");
    }
}
