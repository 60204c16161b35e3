//! The CPUs of a node: how many, how they are laid out, and of which model.

use std::fmt;

use crate::yaml::{Fields, Key, Place, Problems, Tree, Value, nearest, shown};

use super::name;
use super::reference::names;
use super::reference::nodes::{CPU, CPU_MODEL};

/// The keys of `cpu` in its long form.
pub const LAYOUT_KEYS: &[&str] = &names::<{ CPU.keys.len() }>(&CPU);
/// The keys of `cpumodel` in its long form.
pub const MODEL_KEYS: &[&str] = &names::<{ CPU_MODEL.keys.len() }>(&CPU_MODEL);

const MAX_CPUS: u64 = 1024;
const MODEL_HINT: &str = "write none, host-passthrough, host-model or a model: Nehalem, \"Nehalem,+vmx,-svm\", {name: Nehalem, features: {vmx: require}}";

/// How a node's CPUs are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Layout {
    /// Sockets.
    pub sockets: u32,
    /// Cores of each socket.
    pub cores: u32,
    /// Threads of each core.
    pub threads: u32,
}

impl Layout {
    fn count(self) -> u64 {
        u64::from(self.sockets) * u64::from(self.cores) * u64::from(self.threads)
    }
}

/// Reads `cpu`: a number, or a mapping of sockets, cores and threads; gives the number of CPUs.
pub(super) fn read(
    tree: &Tree,
    fields: &Fields<'_>,
    problems: &mut Problems,
) -> Option<(u32, Option<Layout>)> {
    let what = fields.what("cpu");
    if !matches!(tree.value, Value::Map(_)) {
        return Some((tree.integer(&what, 1..=MAX_CPUS, problems)? as u32, None));
    }
    let parts = Fields::new(what.clone(), tree, LAYOUT_KEYS, problems);
    let before = problems.len();
    let mut part = |key| parts.integer(key, 1..=MAX_CPUS, problems).unwrap_or(1) as u32;
    let layout = Layout {
        sockets: part("sockets"),
        cores: part("cores"),
        threads: part("threads"),
    };
    if problems.len() > before {
        return None;
    }
    if parts.is_empty() {
        problems
            .push(tree.place.clone(), format!("{what} says no number of CPUs"))
            .hint("write cpu: 4, or cpu: {sockets: 1, cores: 2, threads: 2}");
        return None;
    }
    if layout.count() > MAX_CPUS {
        problems
            .push(
                tree.place.clone(),
                format!("{what} makes {} CPUs", layout.count()),
            )
            .hint(format!("sockets times cores times threads is at most {MAX_CPUS}"));
        return None;
    }
    Some((layout.count() as u32, Some(layout)))
}

/// A CPU model, with features switched on or off.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CpuModel {
    /// Which one.
    pub model: Model,
    /// Features by name, each once, in order.
    pub features: Vec<(String, Policy)>,
    /// Where it is said, when it is.
    #[serde(skip)]
    pub place: Option<Place>,
}

/// Which CPU a guest sees.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Model {
    /// libvirt's default.
    Default,
    /// The host's very own.
    HostPassthrough,
    /// The named model that is nearest to the host's.
    HostModel,
    /// A model of libvirt's.
    Named(String),
}

/// What a feature is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// Shown whether the host has it or not.
    Force,
    /// The host must have it.
    Require,
    /// Shown when the host has it.
    Optional,
    /// Not shown.
    Disable,
    /// The host must not have it.
    Forbid,
}

const POLICIES: &[(&str, Policy)] = &[
    ("force", Policy::Force),
    ("require", Policy::Require),
    ("optional", Policy::Optional),
    ("disable", Policy::Disable),
    ("forbid", Policy::Forbid),
];

impl Policy {
    /// libvirt's word for it.
    pub fn as_str(self) -> &'static str {
        POLICIES
            .iter()
            .find(|(_, policy)| *policy == self)
            .map_or("", |(word, _)| word)
    }
}

impl Default for CpuModel {
    fn default() -> Self {
        CpuModel::from(Model::HostPassthrough)
    }
}

impl From<Model> for CpuModel {
    fn from(model: Model) -> Self {
        CpuModel {
            model,
            features: Vec::new(),
            place: None,
        }
    }
}

impl fmt::Display for CpuModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.model {
            Model::Default => "none",
            Model::HostPassthrough => "host-passthrough",
            Model::HostModel => "host-model",
            Model::Named(name) => name,
        })?;
        for (feature, policy) in &self.features {
            write!(f, ",{}={feature}", policy.as_str())?;
        }
        Ok(())
    }
}

impl CpuModel {
    /// Reads virt-install's form: `MODEL[,+FEATURE][,-FEATURE][,POLICY=FEATURE]…`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<CpuModel, String> {
        let mut words = text.split(',').map(str::trim);
        let mut cpu = CpuModel::from(model(words.next().unwrap_or_default())?);
        for word in words {
            let (policy, feature) = match word.split_once('=') {
                Some((policy, feature)) => (self::policy(policy)?, feature),
                None if word.starts_with('+') => (Policy::Force, &word[1..]),
                None if word.starts_with('-') => (Policy::Disable, &word[1..]),
                None => {
                    return Err(format!("'{}' is neither +FEATURE nor -FEATURE", shown(word)));
                }
            };
            cpu.add(feature, policy)?;
        }
        Ok(cpu)
    }

    fn add(&mut self, feature: &str, policy: Policy) -> Result<(), String> {
        if !name::is_name(feature) {
            return Err(format!("'{}' is no name of a CPU feature", shown(feature)));
        }
        if self.model == Model::Default {
            return Err("there is no model that could have features".to_owned());
        }
        if self.features.iter().any(|(known, _)| known == feature) {
            return Err(format!("the feature '{feature}' is there twice"));
        }
        self.features.push((feature.to_owned(), policy));
        Ok(())
    }
}

fn model(text: &str) -> Result<Model, String> {
    match text {
        "none" => Ok(Model::Default),
        "host-passthrough" | "host" => Ok(Model::HostPassthrough),
        "host-model" => Ok(Model::HostModel),
        _ if name::is_name(text) => Ok(Model::Named(text.to_owned())),
        _ => Err(format!("'{}' is no name of a CPU model", shown(text))),
    }
}

fn policy(text: &str) -> Result<Policy, String> {
    let words = || POLICIES.iter().map(|(word, _)| *word);
    let found = POLICIES.iter().find(|(word, _)| *word == text);
    found
        .map(|(_, policy)| *policy)
        .ok_or_else(|| match nearest(text, words()) {
            Some(near) => format!(
                "'{}' is no policy for a feature: did you mean '{near}'?",
                shown(text)
            ),
            None => format!(
                "'{}' is no policy for a feature: it is one of {}",
                shown(text),
                words().collect::<Vec<_>>().join(", ")
            ),
        })
}

/// Reads `cpumodel`: text in virt-install's form, or a mapping of `name` and `features`.
pub(super) fn read_model(fields: &Fields<'_>, problems: &mut Problems) -> CpuModel {
    let Some(tree) = fields.get("cpumodel") else {
        return CpuModel::default();
    };
    let what = fields.what("cpumodel");
    let result = if matches!(tree.value, Value::Map(_)) {
        long_form(tree, &what, problems)
    } else {
        tree.string(&what, problems).map(|text| CpuModel::parse(&text))
    };
    match result {
        Some(Ok(cpu)) => CpuModel {
            place: Some(tree.place.clone()),
            ..cpu
        },
        Some(Err(why)) => {
            problems
                .push(tree.place.clone(), format!("{what} cannot be used: {why}"))
                .hint(MODEL_HINT);
            CpuModel::default()
        }
        None => CpuModel::default(),
    }
}

fn long_form(tree: &Tree, what: &str, problems: &mut Problems) -> Option<Result<CpuModel, String>> {
    let fields = Fields::new(what, tree, MODEL_KEYS, problems);
    let name = fields.required("name", problems)?;
    let name = name.string(&fields.what("name"), problems)?;
    let mut cpu = match model(&name) {
        Ok(model) => CpuModel::from(model),
        Err(why) => return Some(Err(why)),
    };
    let Some(features) = fields.get("features") else {
        return Some(Ok(cpu));
    };
    let what = fields.what("features");
    if let Value::Map(entries) = &features.value {
        for (Key { name, .. }, value) in entries {
            let of = format!("the feature '{}' of {what}", shown(name));
            let text = value.string(&of, problems)?;
            let policy = match text.to_ascii_lowercase().as_str() {
                "yes" | "true" | "on" => Ok(Policy::Require),
                "no" | "false" | "off" => Ok(Policy::Disable),
                word => policy(word),
            };
            if let Err(why) = policy.and_then(|policy| cpu.add(name, policy)) {
                return Some(Err(why));
            }
        }
        return Some(Ok(cpu));
    }
    for item in features.list(&what, problems)? {
        let text = item.string(&format!("a feature of {what}"), problems)?;
        let (policy, feature) = match text.strip_prefix('-') {
            Some(feature) => (Policy::Disable, feature),
            None => (Policy::Require, text.trim_start_matches('+')),
        };
        if let Err(why) = cpu.add(feature, policy) {
            return Some(Err(why));
        }
    }
    Some(Ok(cpu))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_virt_install_is_read() {
        let cpu = CpuModel::parse("Nehalem,+vmx,-svm,require=aes").unwrap();
        assert_eq!(cpu.model, Model::Named("Nehalem".into()));
        assert_eq!(cpu.to_string(), "Nehalem,force=vmx,disable=svm,require=aes");
        assert_eq!(CpuModel::parse("none").unwrap().model, Model::Default);
        for (bad, why) in [
            ("", "no name of a CPU model"),
            ("a b", "no name of a CPU model"),
            ("Nehalem,vmx", "neither +FEATURE nor -FEATURE"),
            ("Nehalem,reqire=vmx", "did you mean 'require'?"),
            ("Nehalem,match=exact", "it is one of force, require"),
            ("Nehalem,+vmx,-vmx", "there twice"),
            ("Nehalem,+<", "no name of a CPU feature"),
            ("none,+vmx", "no model that could have features"),
        ] {
            let error = CpuModel::parse(bad).unwrap_err();
            assert!(error.contains(why), "{bad}: {error}");
        }
    }
}
