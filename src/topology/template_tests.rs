use super::*;
use crate::yaml::{Tree, Value as Yaml, parse};

fn context(net: &str) -> Context {
    let mirror = Value::from_pairs([("url", "http://m")]);
    let image = Value::from_pairs([("mirror", mirror)]);
    Context::from([
        ("net".to_owned(), Value::from(net)),
        ("provision".to_owned(), Value::from_pairs([("image", image)])),
    ])
}

fn rendered(text: &str, net: &str) -> (Option<Source>, Vec<String>) {
    let mut problems = Problems::default();
    let source = render(&Source::plain("a.yml", text), &context(net), &mut problems);
    (source, problems.0.iter().map(ToString::to_string).collect())
}

fn text(template: &str, net: &str) -> String {
    let (source, problems) = rendered(template, net);
    assert_eq!(problems, Vec::<String>::new());
    source.unwrap().text().to_owned()
}

fn tree(template: &str) -> Tree {
    let (source, _) = rendered(template, "0");
    parse(&source.unwrap(), &mut Problems::default()).unwrap()
}

#[test]
fn variables_are_strings() {
    assert_eq!(text("10.0.{{ net + 1 | string }}.1", "0"), "10.0.01.1");
    assert_eq!(text("10.0.{{ net + 1 | string }}.1", "10"), "10.0.101.1");
    assert_eq!(text("10.0.{{ net | int + 1 }}.1", "10"), "10.0.11.1");
    assert_eq!(text("{{ provision.image.mirror.url }}/x", "0"), "http://m/x");
}

#[test]
fn white_space_control_works_as_without_marks() {
    let template = "a:\n  {%- if net == '0' %}\n  b\n  {%- endif %} c\n{# x #}\n{{- net }}\n{% raw %}{{ y }}{% endraw %}\n";
    let mut environment = Environment::new();
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true);
    environment.set_syntax(syntax.build().unwrap());
    let plain = environment
        .render_str(template, minijinja::context! { net => "0" })
        .unwrap();
    assert_eq!(text(template, "0"), plain);
}

#[test]
fn captured_text_stays_comparable() {
    assert_eq!(
        text("{% set x %}a{% endset %}{% if x == 'a' %}same{% endif %}", "0"),
        "same"
    );
}

#[test]
fn places_are_those_of_the_template() {
    let tree = tree(
        "{% for i in range(2) %}\nn{{ i }}:\n  ip: \"1.2.{{ net }}.3\"\n{% endfor %}\nlast: {{ net }} # c\n{{ net }}x: 1\n",
    );
    let place = |key: &str| tree.get(key).unwrap().place.to_string();
    assert_eq!(
        tree.get("n1").unwrap().get("ip").unwrap().place.to_string(),
        "a.yml:3:7"
    );
    assert_eq!(place("last"), "a.yml:5:7");
    let Yaml::Map(entries) = &tree.value else { panic!() };
    assert_eq!(entries[3].0.place.to_string(), "a.yml:6:1");
}

#[test]
fn every_undefined_variable_is_reported() {
    let (source, problems) = rendered(
        "a: {{ net }}\nb: {{ foo }}\nc: {{ 'x' + bar }}\nd: {{ net.x.y }}\n",
        "0",
    );
    assert!(source.is_none());
    assert_eq!(
        problems,
        [
            "a.yml:2:7: the variable 'foo' is not defined\n  hint: give it with -e foo=…",
            "a.yml:3:13: the variable 'bar' is not defined\n  hint: give it with -e bar=…",
            "a.yml:4:7: the variable 'net.x.y' is not defined\n  hint: give it with -e net.x.y=…",
        ]
    );
}

#[test]
fn what_has_no_name_asks_for_no_value() {
    let (_, problems) = rendered("a: 1\nb: \"{{ ''.__class__.__mro__ }}\"\n", "0");
    assert_eq!(
        problems,
        [
            "a.yml:2:10: the template cannot be rendered: '.__class__.__mro__' is not defined\n  hint: templates are Jinja: {{ net }}, {% if … %}"
        ]
    );
}

#[test]
fn broken_and_endless_templates_are_refused() {
    let (_, problems) = rendered("a: 1\nb: {{ net\n", "0");
    assert!(problems[0].starts_with("a.yml:"), "{problems:?}");
    let (_, problems) = rendered("a: 1\n  {% endif %}\n", "0");
    assert!(problems[0].starts_with("a.yml:2:"), "{problems:?}");
    let nested = "{% for i in range(9999) %}{% for j in range(9999) %}{{ net }}{% endfor %}{% endfor %}";
    let (_, problems) = rendered(nested, "0");
    assert!(problems[0].contains("it takes too long"), "{problems:?}");
}
