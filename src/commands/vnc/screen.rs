//! Where a running domain's VNC server listens, on its hypervisor.

use crate::xml::edit::child;
use anyhow::Result;
use roxmltree::Document;

/// A VNC server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Screen {
    /// An address and port there.
    Port(String, u16),
    /// A socket there.
    Socket(String),
}

impl Screen {
    /// Finds it in the XML of a domain that runs.
    pub(super) fn of(xml: &str) -> Result<Option<Screen>> {
        let document = Document::parse(xml)?;
        let mut all = document.descendants().filter(|n| n.has_tag_name("graphics"));
        let Some(vnc) = all.find(|n| n.attribute("type") == Some("vnc")) else {
            return Ok(None);
        };
        let listen = child(vnc, "listen");
        let socket = vnc.attribute("socket").or_else(|| listen?.attribute("socket"));
        if let Some(socket) = socket {
            return Ok(Some(Screen::Socket(socket.to_owned())));
        }
        let port = vnc.attribute("port").and_then(|port| port.parse().ok());
        let address = vnc.attribute("listen").or_else(|| listen?.attribute("address"));
        Ok(port.map(|port| {
            let address = match address {
                // All addresses: the nearest one will do.
                None | Some("0.0.0.0" | "") => "127.0.0.1",
                Some("::") => "::1",
                Some(address) => address,
            };
            Screen::Port(address.to_owned(), port)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_is_where_the_live_xml_says() {
        let of =
            |graphics: &str| Screen::of(&format!("<domain><devices>{graphics}</devices></domain>")).unwrap();
        let port = |address: &str, port| Some(Screen::Port(address.to_owned(), port));
        assert_eq!(
            of(
                "<graphics type='spice' port='1'/><graphics type='vnc' port='5903' listen='127.0.0.1'><listen type='address' address='127.0.0.1'/></graphics>"
            ),
            port("127.0.0.1", 5903)
        );
        assert_eq!(
            of("<graphics type='vnc' port='5900' listen='0.0.0.0'/>"),
            port("127.0.0.1", 5900)
        );
        assert_eq!(
            of("<graphics type='vnc' port='5900' listen='::'/>"),
            port("::1", 5900)
        );
        assert_eq!(
            of(
                "<graphics type='vnc' port='5900'><listen type='network' address='192.0.2.1' network='n'/></graphics>"
            ),
            port("192.0.2.1", 5900)
        );
        assert_eq!(
            of(
                "<graphics type='vnc' socket='/a/vnc.sock'><listen type='socket' socket='/a/vnc.sock'/></graphics>"
            ),
            Some(Screen::Socket("/a/vnc.sock".to_owned()))
        );
        assert_eq!(of("<graphics type='vnc' port='-1' autoport='yes'/>"), None);
        assert_eq!(of(""), None);
    }
}
