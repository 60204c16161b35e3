//! `--topology-nodes undercloud:1,controller:3`.

use super::name;
use crate::yaml::{Place, Problems, shown};

/// How many nodes of one type a deployment may have.
const MAX_COUNT: u32 = 1000;
const FLAG: &str = "--topology-nodes";

/// Reads the list of `type:count` pairs; all that is wrong with it is reported at once.
pub fn parse(text: &str) -> Result<Vec<(String, u32)>, Problems> {
    let mut problems = Problems::default();
    let mut selected: Vec<(String, u32)> = Vec::new();
    let mut column = 1;
    for item in text.split(',') {
        let indent = item.chars().take_while(|c| c.is_whitespace()).count();
        let place = Place {
            file: FLAG.into(),
            line: 1,
            column: column + indent,
        };
        column += item.chars().count() + 1;
        let Some((kind, count)) = pair(item.trim(), &place, &mut problems) else {
            continue;
        };
        match selected.iter().any(|(other, _)| *other == kind) {
            true => {
                problems
                    .push(place, format!("the node type '{kind}' is there twice"))
                    .hint("say it once, with the whole count");
            }
            false => selected.push((kind, count)),
        }
    }
    if problems.is_empty() {
        Ok(selected)
    } else {
        Err(problems)
    }
}

fn pair(item: &str, place: &Place, problems: &mut Problems) -> Option<(String, u32)> {
    let (kind, count) = match item.split_once(':') {
        Some((kind, count)) => (kind.trim(), count.trim()),
        None if item.is_empty() => {
            problems
                .push(place.clone(), "a node type is missing")
                .hint("write type:count, as in controller:3");
            return None;
        }
        None => {
            problems
                .push(place.clone(), format!("'{item}' does not say how many"))
                .hint(format!("write {item}:1 for one of them"));
            return None;
        }
    };
    let named = if kind.contains('/') {
        problems
            .push(
                place.clone(),
                format!("'{}' is a path, not a node type", shown(kind)),
            )
            .hint("put the file into a folder 'nodes', and name the folder above by --topology-dir");
        false
    } else {
        name::check("node type", kind, place, problems)
    };
    let number = count
        .parse::<u32>()
        .ok()
        .filter(|_| count.bytes().all(|b| b.is_ascii_digit()));
    match number {
        Some(number) if (1..=MAX_COUNT).contains(&number) => named.then(|| (kind.to_owned(), number)),
        Some(0) => {
            problems
                .push(place.clone(), format!("'{item}' asks for no node"))
                .hint("leave the type out; nodes are removed by --remove-nodes");
            None
        }
        _ if !count.is_empty() && count.bytes().all(|b| b.is_ascii_digit()) => {
            problems
                .push(place.clone(), format!("'{item}' asks for too many nodes"))
                .hint(format!("at most {MAX_COUNT} of a type"));
            None
        }
        _ => {
            problems
                .push(
                    place.clone(),
                    format!("'{count}' in '{item}' is not a number of nodes"),
                )
                .hint("write type:count, as in controller:3");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_counts_keep_their_order() {
        let selected = parse("undercloud:1, controller:3,compute:2").unwrap();
        assert_eq!(selected[1], ("controller".to_owned(), 3));
        assert_eq!(selected.len(), 3);
    }

    #[test]
    fn everything_wrong_is_reported() {
        let problems = parse("controller,a:0,b:100000,c:x,a b:1,d:1,d:2,,e:-1").unwrap_err();
        let shown: Vec<String> = problems.0.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "--topology-nodes: 'controller' does not say how many\n  hint: write controller:1 for one of them",
                "--topology-nodes:1:12: 'a:0' asks for no node\n  hint: leave the type out; nodes are removed by --remove-nodes",
                "--topology-nodes:1:16: 'b:100000' asks for too many nodes\n  hint: at most 1000 of a type",
                "--topology-nodes:1:25: 'x' in 'c:x' is not a number of nodes\n  hint: write type:count, as in controller:3",
                "--topology-nodes:1:29: 'a b' is not a good name for a node type\n  hint: use letters, digits, '_', '.' and '-', beginning with a letter or digit, at most 60 characters",
                "--topology-nodes:1:39: the node type 'd' is there twice\n  hint: say it once, with the whole count",
                "--topology-nodes:1:43: a node type is missing\n  hint: write type:count, as in controller:3",
                "--topology-nodes:1:44: '-1' in 'e:-1' is not a number of nodes\n  hint: write type:count, as in controller:3",
            ]
        );
    }
}
