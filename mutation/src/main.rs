//! `lacuna-mutation MUTANTS.json TREE LEFT-OUT MAP.json`: rewrites the sources of a tree so that every mutant that `cargo mutants --list --json`
//! names is there at once, each behind `crate::mutant_switch::m(NUMBER)`, its number in the list.
//!
//! One build then serves them all, where cargo-mutants builds each. What has no place for a switch is not rewritten: constants and `const fn`,
//! conditions with `let`, fields of a struct that are left out. MAP.json says where in the rewritten files the text of each mutant is, so that it can be
//! found whom the compiler complains of.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::error::Error;
use std::fs;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// From this character to before that one.
type Range = (usize, usize);

/// A mutant: its number, and what takes the place of the original.
type Mutant = (usize, String);

/// How a piece of the text is rewritten.
#[derive(Clone)]
enum Rewrite {
    /// `left op right`, with other operators.
    Binary { left: Range, right: Range, operator: String, mutants: Vec<Mutant> },
    /// `op operand`, without the operator.
    Unary { operand: Range, operator: String, mutant: usize },
    /// The beginning of a body: return something else at once.
    Body { mutants: Vec<Mutant> },
    /// What is matched on: of arms that are not there the compiler complains here.
    Matched { mutants: Vec<usize> },
    /// Between the pattern of an arm and its arrow: the arm is not there, or its guard always or never holds.
    Arm { guard: Option<Range>, without: Option<usize>, always: Option<usize>, never: Option<usize> },
}

/// Looks for the places of the mutants of a file.
struct Finder<'a> {
    lines: Vec<usize>,
    mutants: &'a HashMap<Range, Vec<(usize, String, String)>>,
    rewrites: Vec<(Range, Rewrite)>,
    /// How many constants we are in.
    constant: usize,
}

impl Finder<'_> {
    fn at(&self, place: proc_macro2::LineColumn) -> usize {
        self.lines[place.line - 1] + place.column
    }

    fn range(&self, span: proc_macro2::Span) -> Range {
        (self.at(span.start()), self.at(span.end()))
    }

    fn of(&self, range: Range, genre: &str) -> Vec<Mutant> {
        let here = self.mutants.get(&range).into_iter().flatten();
        here.filter(|mutant| mutant.1 == genre).map(|mutant| (mutant.0, mutant.2.clone())).collect()
    }

    /// The mutant that lacks the arm, which the list has with or without the comma after it.
    fn without(&self, arm: &syn::Arm) -> Option<usize> {
        let (begin, end) = self.range(arm.span());
        let found = [end - 1, end, end + 1].into_iter().find_map(|end| self.of((begin, end), "MatchArm").pop());
        found.map(|mutant| mutant.0)
    }

    fn function(&mut self, constant: bool, block: &syn::Block, inside: impl FnOnce(&mut Self)) {
        self.constant += usize::from(constant);
        if let (0, Some(first), Some(last)) = (self.constant, block.stmts.first(), block.stmts.last()) {
            let mutants = self.of((self.at(first.span().start()), self.at(last.span().end())), "FnValue");
            if !mutants.is_empty() {
                let begin = self.at(block.brace_token.span.open().end());
                self.rewrites.push(((begin, begin), Rewrite::Body { mutants }));
            }
        }
        inside(self);
        self.constant -= usize::from(constant);
    }
}

/// Is something bound in the condition?
fn binds(condition: &syn::Expr) -> bool {
    match condition {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(both) if matches!(both.op, syn::BinOp::And(_)) => binds(&both.left) || binds(&both.right),
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.constant += 1;
        visit::visit_item_const(self, item);
        self.constant -= 1;
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.constant += 1;
        visit::visit_impl_item_const(self, item);
        self.constant -= 1;
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.constant += 1;
        visit::visit_item_static(self, item);
        self.constant -= 1;
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let is_test = |attribute: &syn::Attribute| quote::quote!(#attribute).to_string().contains("test");
        if !item.attrs.iter().any(is_test) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_pat(&mut self, _: &'ast syn::Pat) {}

    fn visit_type(&mut self, _: &'ast syn::Type) {}

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(item.sig.constness.is_some(), &item.block, |inside| visit::visit_item_fn(inside, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(item.sig.constness.is_some(), &item.block, |inside| visit::visit_impl_item_fn(inside, item));
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        match &item.default {
            Some(block) => self.function(false, block, |inside| visit::visit_trait_item_fn(inside, item)),
            None => visit::visit_trait_item_fn(self, item),
        }
    }

    fn visit_expr_binary(&mut self, both: &'ast syn::ExprBinary) {
        let mutants = self.of(self.range(both.op.span()), "BinaryOperator");
        if self.constant == 0 && !mutants.is_empty() && !binds(&both.left) && !binds(&both.right) {
            let operator = &both.op;
            let rewrite = Rewrite::Binary {
                left: self.range(both.left.span()),
                right: self.range(both.right.span()),
                operator: quote::quote!(#operator).to_string(),
                mutants,
            };
            self.rewrites.push((self.range(both.span()), rewrite));
        }
        visit::visit_expr_binary(self, both);
    }

    fn visit_expr_unary(&mut self, one: &'ast syn::ExprUnary) {
        let mutants = self.of(self.range(one.op.span()), "UnaryOperator");
        if let (0, Some((mutant, _))) = (self.constant, mutants.first()) {
            let operator = &one.op;
            let operator = quote::quote!(#operator).to_string();
            let rewrite = Rewrite::Unary { operand: self.range(one.expr.span()), operator, mutant: *mutant };
            self.rewrites.push((self.range(one.span()), rewrite));
        }
        visit::visit_expr_unary(self, one);
    }

    fn visit_expr_match(&mut self, whole: &'ast syn::ExprMatch) {
        let mutants: Vec<usize> = whole.arms.iter().filter_map(|arm| self.without(arm)).collect();
        if self.constant == 0 && !mutants.is_empty() {
            self.rewrites.push((self.range(whole.expr.span()), Rewrite::Matched { mutants }));
        }
        visit::visit_expr_match(self, whole);
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        if self.constant == 0 {
            let without = self.without(arm);
            let guard = arm.guard.as_ref().filter(|guard| !binds(&guard.1)).map(|guard| self.range(guard.1.span()));
            let of_guard = guard.map_or(Vec::new(), |guard| self.of(guard, "MatchArmGuard"));
            let so = |value: &str| of_guard.iter().find(|mutant| mutant.1 == value).map(|mutant| mutant.0);
            let (always, never) = (so("true"), so("false"));
            let bound = arm.guard.as_ref().is_some_and(|guard| binds(&guard.1));
            if !bound && (without.is_some() || always.is_some() || never.is_some()) {
                let place = (self.at(arm.pat.span().end()), self.at(arm.fat_arrow_token.span().start()));
                self.rewrites.push((place, Rewrite::Arm { guard, without, always, never }));
            }
        }
        visit::visit_arm(self, arm);
    }
}

/// Writes a file with its rewrites.
struct Writer<'a> {
    source: &'a [char],
    /// In order: whoever holds others before them.
    rewrites: Vec<(Range, Rewrite)>,
    out: String,
    /// From this byte to before that one: text of this mutant.
    texts: Vec<(usize, usize, usize)>,
}

impl Writer<'_> {
    fn copy(&mut self, range: Range) {
        self.out.extend(&self.source[range.0..range.1]);
    }

    fn put(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn mutant(&mut self, number: usize, write: impl FnOnce(&mut Self)) {
        let begin = self.out.len();
        write(self);
        self.texts.push((begin, self.out.len(), number));
    }

    /// The text of a range, rewritten, by the rewrites from `next` on.
    fn range(&mut self, range: Range, mut next: usize) {
        let mut at = range.0;
        while let Some((place, _)) = self.rewrites.get(next) {
            let place = *place;
            if place.0 >= at && place.1 <= range.1 {
                self.copy((at, place.0));
                self.rewrite(next);
                at = place.1;
            } else if place.0 > range.1 {
                break;
            }
            next += 1;
        }
        self.copy((at, range.1));
    }

    fn rewrite(&mut self, index: usize) {
        let (_, rewrite) = self.rewrites[index].clone();
        let inside = index + 1;
        let begin = self.out.len();
        match rewrite {
            Rewrite::Body { mutants } => {
                for (number, value) in mutants {
                    self.mutant(number, |w| w.put(&format!(" if {} {{ return {value}; }}", active(number))));
                }
            }
            Rewrite::Matched { mutants } => {
                let range = self.rewrites[index].0;
                self.range(range, inside);
                let end = self.out.len();
                self.texts.extend(mutants.iter().map(|mutant| (begin, end, *mutant)));
            }
            Rewrite::Unary { operand, operator, mutant } => {
                self.put("(match (");
                self.range(operand, inside);
                self.put(") { __x => ");
                self.mutant(mutant, |w| w.put(&format!("if {} {{ __x }} else ", active(mutant))));
                self.put(&format!("{{ {operator}__x }} }})"));
            }
            Rewrite::Binary { left, right, operator, mutants } => {
                self.binary((left, right), &operator, &mutants, inside);
                let end = self.out.len();
                self.texts.extend(mutants.iter().map(|mutant| (begin, end, mutant.0)));
            }
            Rewrite::Arm { guard, without, always, never } => {
                let not = |number: Option<usize>| number.map_or(String::new(), |it| format!("!{} && ", active(it)));
                self.put(&format!(" if {}(", not(without)));
                if let Some(always) = always {
                    self.put(&format!("{} || ", active(always)));
                }
                self.put(&format!("{}(", not(never)));
                match guard {
                    Some(guard) => self.range(guard, inside),
                    None => self.put("true"),
                }
                self.put(")) ");
                let end = self.out.len();
                self.texts.extend([without, always, never].into_iter().flatten().map(|number| (begin, end, number)));
            }
        }
    }

    fn binary(&mut self, (left, right): (Range, Range), operator: &str, mutants: &[Mutant], inside: usize) {
        match operator {
            "&&" | "||" => {
                self.put("(match (");
                self.range(left, inside);
                self.put(") { __l => ");
                for (number, other) in mutants {
                    self.put(&format!("if {} {{ __l {other} (", active(*number)));
                    self.range(right, inside);
                    self.put(") } else ");
                }
                self.put(&format!("{{ __l {operator} ("));
                self.range(right, inside);
                self.put(") } })");
            }
            "==" | "!=" | "<" | ">" | "<=" | ">=" => {
                // Compared by reference, as the operators do.
                self.both((left, right), "&", inside);
                self.choose("*__l", operator, "*__r", mutants);
            }
            _ if operator.ends_with('=') => {
                self.put("(match (");
                self.range(right, inside);
                self.put(") { __r => ");
                for (number, other) in mutants {
                    self.put(&format!("if {} {{ ", active(*number)));
                    self.range(left, inside);
                    self.put(&format!(" {other} __r; }} else "));
                }
                self.put("{ ");
                self.range(left, inside);
                self.put(&format!(" {operator} __r; }} }})"));
            }
            _ => {
                self.both((left, right), "", inside);
                self.choose("__l", operator, "__r", mutants);
            }
        }
    }

    fn both(&mut self, (left, right): (Range, Range), by: &str, inside: usize) {
        self.put(&format!("(match ({by}("));
        self.range(left, inside);
        self.put(&format!("), {by}("));
        self.range(right, inside);
        self.put(")) { (__l, __r) => ");
    }

    fn choose(&mut self, left: &str, operator: &str, right: &str, mutants: &[Mutant]) {
        for (number, other) in mutants {
            self.put(&format!("if {} {{ {left} {other} {right} }} else ", active(*number)));
        }
        self.put(&format!("{{ {left} {operator} {right} }} }})"));
    }
}

fn active(number: usize) -> String {
    format!("crate::mutant_switch::m({number})")
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().collect();
    let [_, mutants, tree, left_out, map] = words.as_slice() else {
        return Err("usage: lacuna-mutation MUTANTS.json TREE LEFT-OUT MAP.json".into());
    };
    let all: Vec<serde_json::Value> = serde_json::from_str(&fs::read_to_string(mutants)?)?;
    let left_out: HashSet<usize> = fs::read_to_string(left_out)?.lines().filter_map(|line| line.parse().ok()).collect();
    let mut of_file: BTreeMap<&str, Vec<(usize, &serde_json::Value)>> = BTreeMap::new();
    for (number, mutant) in all.iter().enumerate().filter(|(number, _)| !left_out.contains(number)) {
        of_file.entry(mutant["file"].as_str().unwrap_or_default()).or_default().push((number, mutant));
    }
    let (mut texts, mut used) = (serde_json::Map::new(), HashSet::new());
    for (file, mutants) in of_file {
        let path = format!("{tree}/{file}");
        let source: Vec<char> = fs::read_to_string(&path)?.chars().collect();
        let ends = source.iter().enumerate().filter(|(_, c)| **c == '\n').map(|(at, _)| at + 1);
        let lines: Vec<usize> = std::iter::once(0).chain(ends).collect();
        let mut here: HashMap<Range, Vec<(usize, String, String)>> = HashMap::new();
        for (number, mutant) in mutants {
            let at = |end: &str, part: &str| mutant["span"][end][part].as_u64().unwrap_or(1) as usize - 1;
            let place = |end: &str| lines[at(end, "line")] + at(end, "column");
            let text = |key: &str| mutant[key].as_str().unwrap_or_default().to_owned();
            here.entry((place("start"), place("end"))).or_default().push((number, text("genre"), text("replacement")));
        }
        let text: String = source.iter().collect();
        let mut finder = Finder { lines, mutants: &here, rewrites: Vec::new(), constant: 0 };
        finder.visit_file(&syn::parse_file(&text)?);
        let mut rewrites = finder.rewrites;
        rewrites.sort_by_key(|(place, _)| (place.0, std::cmp::Reverse(place.1)));
        let mut writer = Writer { source: &source, rewrites, out: String::new(), texts: Vec::new() };
        writer.range((0, source.len()), 0);
        fs::write(&path, &writer.out)?;
        used.extend(writer.texts.iter().map(|text| text.2));
        texts.insert(file.into(), serde_json::json!(writer.texts));
    }
    fs::write(map, serde_json::json!({ "map": texts, "used": used }).to_string())?;
    eprintln!("{} of {} mutants are behind a switch", used.len(), all.len());
    Ok(())
}
