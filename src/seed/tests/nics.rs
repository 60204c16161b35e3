//! How NICs are told.

use super::*;

#[test]
fn network_config_matches_by_mac_and_leaves_one_default_route() {
    let volume = with_seed(|seed| image(seed)).unwrap();
    insta::assert_snapshot!(read(&volume, "network-config"), @r#"
    {
      "version": 2,
      "ethernets": {
        "eth0": {
          "match": {
            "macaddress": "52:54:00:aa:00:01"
          },
          "set-name": "eth0",
          "dhcp4": false,
          "dhcp6": false,
          "accept-ra": false,
          "optional": true
        },
        "eth1": {
          "match": {
            "macaddress": "52:54:00:aa:00:02"
          },
          "set-name": "eth1",
          "dhcp4": true,
          "dhcp6": false,
          "dhcp4-overrides": {
            "use-hostname": false
          }
        },
        "eth2": {
          "match": {
            "macaddress": "52:54:00:aa:00:03"
          },
          "set-name": "eth2",
          "dhcp4": true,
          "dhcp6": false,
          "dhcp4-overrides": {
            "use-hostname": false,
            "use-routes": false,
            "route-metric": 1000
          },
          "accept-ra": false,
          "optional": true
        }
      }
    }
    "#);
}

#[test]
fn fixed_addresses_mtu_and_dhcp6_are_written() {
    let nic = SeedNic {
        dhcp6: true,
        addresses: vec!["192.168.24.5/24".parse().unwrap()],
        mtu: Some(9000),
        ..nic("52:54:00:aa:00:01", true, false)
    };
    let text = network_config::render(&[nic]).unwrap();
    let value: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
    let eth0 = &value["ethernets"]["eth0"];
    assert_eq!(eth0["addresses"][0], "192.168.24.5/24");
    assert_eq!(eth0["mtu"], 9000);
    assert_eq!(eth0["dhcp4-overrides"], eth0["dhcp6-overrides"]);
}

#[test]
fn a_nic_without_dhcp_is_told_its_router_and_name_server() {
    let told = |dhcp4, external, gateways: &[&str]| {
        let nic = SeedNic {
            addresses: vec!["2001:db8::5/64".parse().unwrap()],
            gateways: gateways.iter().map(|ip| ip.parse().unwrap()).collect(),
            ..nic("52:54:00:aa:00:01", dhcp4, external)
        };
        let text = network_config::render(&[nic]).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        value["ethernets"]["eth0"].clone()
    };
    let alone = told(false, true, &["2001:db8::1"]);
    assert_eq!(alone["gateway6"], "2001:db8::1");
    assert_eq!(
        alone["nameservers"]["addresses"],
        serde_json::json!(["2001:db8::1"])
    );
    assert_eq!(alone["accept-ra"], serde_json::Value::Null);
    let both = told(true, true, &["2001:db8::1"]);
    assert_eq!(both["nameservers"], serde_json::Value::Null);
    assert_eq!(
        both["dhcp4-overrides"],
        serde_json::json!({"use-hostname": false})
    );
    let inner = told(true, false, &[]);
    assert_eq!(inner["accept-ra"], false);
    assert_eq!(inner["gateway6"], serde_json::Value::Null);
}
