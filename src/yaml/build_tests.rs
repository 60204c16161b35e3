use super::*;

fn read(text: &str) -> (Option<Tree>, Vec<String>) {
    let mut problems = Problems::default();
    let tree = parse(&Source::plain("a.yml", text), &mut problems);
    (tree, problems.0.iter().map(ToString::to_string).collect())
}

fn good(text: &str) -> Tree {
    let (tree, problems) = read(text);
    assert_eq!(problems, Vec::<String>::new());
    tree.unwrap()
}

#[test]
fn values_know_their_places() {
    let tree = good("---\n# c\na:\n  - x\n  - \"é\": 5\n...\n");
    let Value::Seq(items) = &tree.get("a").unwrap().value else {
        panic!()
    };
    assert_eq!(items[0].place.to_string(), "a.yml:4:5");
    assert_eq!(items[1].get("é").unwrap().place.to_string(), "a.yml:5:10");
}

#[test]
fn nothing_is_null() {
    assert_eq!(good("").value, Value::Null);
    assert_eq!(good("---\n").value, Value::Null);
    assert_eq!(good("a:").get("a").unwrap().value, Value::Null);
    assert_ne!(good("a: \"\"").get("a").unwrap().value, Value::Null);
}

#[test]
fn anchors_and_merge_keys_are_resolved() {
    let tree = good("base: &b {x: 1, y: 2}\nz:\n  <<: *b\n  y: 3\nw:\n  <<: [{q: 1}, *b]\n");
    let z = tree.get("z").unwrap();
    assert_eq!(
        z.get("x").unwrap().value,
        Value::Scalar {
            text: "1".into(),
            quoted: false
        }
    );
    assert_eq!(
        z.get("y").unwrap().value,
        Value::Scalar {
            text: "3".into(),
            quoted: false
        }
    );
    assert!(tree.get("w").unwrap().get("q").is_some());
}

#[test]
fn problems_are_placed_and_do_not_hide_each_other() {
    let (_, problems) = read("a: 1\nb: {c: 1, c: 2}\na: 3\n? [x]\n: 1\nd: !vault x\n");
    assert_eq!(
        problems,
        [
            "a.yml:2:11: the key 'c' is there twice\n  hint: the first one is at a.yml:2:5",
            "a.yml:3:1: the key 'a' is there twice\n  hint: the first one is at a.yml:1:1",
            "a.yml:4:3: a key must be a single value, not a list\n  hint: write KEY: VALUE",
            "a.yml:6:4: the tag '!vault' is not known\n  hint: remove it: values are read as the type that the key asks for",
        ]
    );
}

#[test]
fn syntax_errors_are_placed() {
    let (tree, problems) = read("a: 1\nb: [1, 2\nc: 3\n");
    assert!(tree.is_none());
    assert!(problems[0].starts_with("a.yml:3:"), "{problems:?}");
    let (_, problems) = read("a:\n\t- b\n");
    assert!(
        problems[0].starts_with("a.yml:2:") && problems[0].ends_with("indent with spaces"),
        "{problems:?}"
    );
}

#[test]
fn bombs_are_refused() {
    let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
    for i in 1..12 {
        let list = vec![format!("*a{}", i - 1); 9].join(",");
        bomb += &format!("a{i}: &a{i} [{list}]\n");
    }
    assert!(read(&bomb).1[0].contains("more than"));
    assert!(read(&format!("{}{}", "[".repeat(100), "]".repeat(100))).1[0].contains("nest deeper"));
    assert_eq!(read(&"[".repeat(100_000)).1.len(), 1);
    assert_eq!(
        read("a: &a [*a]").1,
        [
            "a.yml:1:8: the alias refers to the value that it is part of\n  hint: an alias stands for a value elsewhere in the file"
        ]
    );
}

#[test]
fn merging_is_deep() {
    let mut tree = good("a: {b: 1, c: [1, 2]}\nd: 4\n");
    tree.merge(&good("a: {c: [3]}\ne: 5\n"));
    assert_eq!(tree.get("a").unwrap().get("b").unwrap().place.line, 1);
    let Value::Seq(items) = &tree.get("a").unwrap().get("c").unwrap().value else {
        panic!()
    };
    assert_eq!(items.len(), 1);
    assert!(tree.get("e").is_some() && tree.get("d").is_some());
}

#[test]
fn aliases_cannot_multiply_text() {
    let aliases = vec!["*a"; 1000].join(",");
    let (_, problems) = read(&format!("a: &a {}\nb: [{aliases}]\n", "x".repeat(100_000)));
    assert!(problems[0].contains("8 MiB of text"), "{problems:?}");
    // An anchor in each level keeps all below it once more.
    let nested: String = (0..45).map(|i| format!("&a{i} [")).collect();
    let (_, problems) = read(&format!("{nested}{}{}", "1,".repeat(10_000), "]".repeat(45)));
    assert!(problems[0].contains("50000 values"), "{problems:?}");
}

#[test]
fn a_second_document_is_no_addition() {
    let (tree, problems) = read("---\na: 1\n---\nb: 2\n");
    assert!(tree.is_none());
    assert_eq!(
        problems,
        [
            "a.yml:3:1: a second document begins here\n  hint: a file is one document: remove the '---', or make two files"
        ]
    );
}

#[test]
fn what_is_reported_is_no_value() {
    let (tree, problems) = read("a: !!python/object/apply:os.system [reboot]\nb: *c\n");
    assert!(tree.is_none() || tree.is_some_and(|t| t.get("a").unwrap().value == Value::Broken));
    assert!(
        problems[0].starts_with("a.yml:1:4: the tag '!!python/object/apply:os.system' is not known"),
        "{problems:?}"
    );
}
