//! `--virtopts`: what is added to the domain of every node, as XML or as options of virt-install.

mod fragments;
mod options;
mod values;

use crate::topology::cpu::CpuModel;
use crate::topology::firmware::Tpm;
use crate::yaml::Problems;

/// What `--virtopts` asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Virtopts {
    /// `--cpu`: wins over `cpumodel`.
    pub cpu: Option<CpuModel>,
    /// `--tpm emulator`: wins over `tpm`.
    pub tpm: Option<Option<Tpm>>,
    /// `--boot uefi`: for the nodes whose file does not say more.
    pub uefi: bool,
    /// `--boot`: devices in order.
    pub boot: Vec<String>,
    /// Elements of the domain's XML.
    pub extras: Vec<Extra>,
}

/// An element of a domain's XML.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Extra {
    /// Its name.
    pub tag: String,
    /// Its text; empty where irs's own one of that name shall not be.
    pub xml: String,
    /// Among the devices, else right below the domain.
    pub device: bool,
    /// As the user wrote it: libvirt may store it in another form.
    pub raw: bool,
}

/// Device elements of which the first one given takes the place of irs's own.
pub const SINGLE: &[&str] = &["memballoon", "rng", "graphics", "video", "watchdog", "tpm"];

/// The options of virt-install that are understood.
pub const OPTIONS: &[&str] = &[
    "--memballoon",
    "--tpm",
    "--rng",
    "--boot",
    "--cpu",
    "--graphics",
    "--hostdev",
    "--filesystem",
    "--watchdog",
];

/// Reads the text of `--virtopts`: options, then XML fragments, either of them optional.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse(text: &str) -> Result<Virtopts, Problems> {
    let mut problems = Problems::default();
    let xml_at = xml_at(text);
    let mut virtopts = options::parse(&text[..xml_at], &mut problems);
    virtopts
        .extras
        .extend(fragments::parse(text, xml_at, &mut problems));
    if problems.is_empty() {
        Ok(virtopts)
    } else {
        Err(problems)
    }
}

/// Where the XML begins: at a `<` that begins a word.
fn xml_at(text: &str) -> usize {
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        if c == '<' && before.is_whitespace() {
            return at;
        }
        before = c;
    }
    text.len()
}

#[cfg(test)]
mod tests;
