use std::time::Duration;

use super::*;

fn told(text: &str) -> Vec<String> {
    let mut faults = parse(text).unwrap_err();
    faults.sort_by_key(|fault| fault.at);
    faults.iter().map(|fault| fault.told(text)).collect()
}

fn server(text: &str) -> crate::args::origin::ServerArgs {
    let mut roles = parse(text).unwrap_or_else(|faults| panic!("{faults:?}"));
    match roles.remove(0) {
        Role::Server(args) => *args,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_setting_takes_what_its_flag_takes() {
    let args = server(
        r#"
        [server]
        root = "/srv/files"
        port = 0x1F90
        bind = ["127.0.0.1", "::1"]
        list = true
        qr = false
        drain = "1m"
        memory = "10MiB"
        index = "home.html"
        cache-control = ["no-cache", "/assets/**=max-age=60"]
        error-page = "404=404.html"
        log-format = "json"
        "#,
    );
    assert_eq!(args.site.root().to_str(), Some("/srv/files"));
    assert_eq!(args.addresses().port.number(), 8080);
    assert_eq!(args.bind.len(), 2);
    assert!(args.site.listing.list && !args.qr && !args.site.pages.hidden);
    assert_eq!(args.listen.drain, Duration::from_secs(60));
    assert_eq!(args.site.pages.memory, 10 << 20);
    assert_eq!(args.site.pages.index.as_str(), "home.html");
    assert_eq!((args.site.fields.cache_control.len(), args.site.pages.error_page.len()), (2, 1));
    assert_eq!(args.log.log_format, crate::log::access::Format::Json);
}

#[test]
fn what_is_not_said_is_as_on_the_command_line() {
    let args = server("[server]");
    assert_eq!(args.site.root().to_str(), Some("files"));
    assert_eq!((args.addresses().port.number(), args.listen.drain), (8000, Duration::from_secs(30)));
}

#[test]
fn roles_start_in_the_order_in_which_they_need_each_other() {
    let roles = parse("[balancer]\nto = 'http://a.test'\n[cache]\n[server]\n").unwrap();
    let names: Vec<&str> = roles
        .iter()
        .map(|role| match role {
            Role::Server(_) => "server",
            Role::Cache(_) => "cache",
            Role::Balancer(_) => "balancer",
        })
        .collect();
    assert_eq!(names, ROLES);
}

#[test]
fn a_misspelt_name_is_told_with_its_place_and_what_was_meant() {
    for (text, expected) in [
        (
            "[servr]",
            "1:2: [servr] is no section: there are [server], [cache] and [balancer]; did you mean [server]?",
        ),
        ("[get]", "1:2: [get] is no section: there are [server], [cache] and [balancer]"),
        ("[server]\n prot = 1", "2:2: prot is no setting of [server]; did you mean port?"),
        (
            "[server]\ncache_control = 'x'",
            "2:1: cache_control is no setting of [server]; did you mean cache-control?",
        ),
        ("[cache]\nlist = true", "2:1: list is no setting of [cache]"),
        ("[cache]\nhelp = true", "2:1: help is no setting of [cache]"),
        ("[server]\nnamed = 'x'", "2:1: named is no setting of [server]"),
    ] {
        assert_eq!(told(text), [expected], "{text:?}");
    }
}

#[test]
fn a_value_that_can_not_be_is_told_with_its_place_and_the_right_form() {
    for (text, expected) in [
        ("[server]\nport = 'http'", "2:8: port: \"http\" is no number from 0 to 65535"),
        ("[server]\nport = 70000", "2:8: port: \"70000\" is no number from 0 to 65535"),
        ("[server]\nport = [1, 2]", "2:8: port takes one value, not a list"),
        ("[server]\nport = true", "2:8: port takes a value, not true or false"),
        ("[server]\nlist = 'yes'", "2:8: list is on or off: write true or false"),
        ("[server]\nroot = { a = 1 }", "2:8: root takes text or a number"),
        ("[server]\nlog-format = 'clf'", "2:14: log-format: \"clf\" is none of combined, json"),
        ("[server]\ndrain = 30", "2:9: drain: \"30\" is no duration: write 250ms, 30s, 5m, 24h or 7d"),
        ("[cache]\nsize = '-1'", "2:8: size: \"-1\" is no size: write 500k, 10M, 64Ki or 10GiB"),
        ("server = 1", "1:1: server is a section: write [server] and its settings below"),
        ("", "1:1: nothing is to run: write a section [server], [cache] or [balancer]"),
    ] {
        assert_eq!(told(text), [expected], "{text:?}");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let text = "[server]\nport = 'x'\nlits = true\n[cache]\nkeep = 'long'\n[[servers.site]]\n";
    let places: Vec<String> = told(text).iter().map(|line| line[..4].to_owned()).collect();
    assert_eq!(places, ["2:8:", "3:1:", "5:8:", "6:3:"]);
}

#[test]
fn what_is_no_toml_is_told_with_its_place() {
    let told = told("[server]\nport = \nlist = true\n");
    assert!(told[0].starts_with("2:"), "{told:?}");
    let twice = self::told("[server]\nport = 1\nport = 2\n");
    assert!(twice[0].starts_with("3:1: "), "{twice:?}");
}

#[test]
fn a_site_has_its_hosts_and_what_the_server_says_of_files() {
    let args = server(
        r#"
        [server]
        port = 80
        list = true
        allow = "192.0.2.0/24"
        header = ["X-A: 1", "X-B: 2"]
        [[server.site]]
        host = ["a.test", "*.a.test"]
        root = "/srv/a"
        [[server.site]]
        host = "b.test"
        root = "/srv/b"
        list = false
        header = "X-C: 3"
        "#,
    );
    assert!(args.default_site().is_none(), "no directory was named for the other hosts");
    let sites = args.sites();
    let listed: Vec<(String, bool, usize, usize)> = sites
        .by_host
        .iter()
        .map(|(host, site)| {
            (host.to_string(), site.listing.is_some(), site.networks.allow.len(), site.rules.len())
        })
        .collect();
    let site = |host: &str, list, rules| (host.to_owned(), list, 1, rules);
    assert_eq!(listed, [site("a.test", true, 2), site("*.a.test", true, 2), site("b.test", false, 1)]);
    assert!(sites.default.is_none());
}

#[test]
fn beside_sites_by_host_there_may_be_one_for_the_others() {
    let args = server("[server]\nroot = '/srv'\n[[server.site]]\nhost = 'a.test'\nroot = '/srv/a'\n");
    assert_eq!(args.sites().default.unwrap().root.to_str(), Some("/srv"));
    assert_eq!(args.sites().by_host[0].1.root.to_str(), Some("/srv/a"));
}

#[test]
fn a_cache_has_an_origin_for_each_host_and_perhaps_one_for_the_others() {
    let text = "[cache]\norigin-host = 'asked'\n[[cache.site]]\nhost = ['a.test', '*.a.test']\n\
                origin = ['http://o1', 'http://o2']\n";
    let Ok([Role::Cache(args)]) = parse(text).map(|roles| <[Role; 1]>::try_from(roles).unwrap()) else {
        panic!("{text:?}")
    };
    assert!(args.is_reverse() && args.all_sites().count() == 1, "none for the others");
    let origins: Vec<_> =
        args.config().unwrap().sites.unwrap().origins().map(|origins| origins.len()).collect();
    assert_eq!(origins, [2, 2], "by host");
}

#[test]
fn a_site_that_is_not_whole_is_told() {
    for (text, expected) in [
        ("[[cache.site]]\norigin = 'http://o'", "1:1: [cache.site] lacks host"),
        ("[[cache.site]]\nhost = 'a.test'", "1:1: [cache.site] lacks origin, who is asked"),
        ("[cache]\nsite = 'a.test'", "2:1: each site is a table of its own: write [[cache.site]]"),
        (
            "[[cache.site]]\nhost = 'a.test'\norigin = 'http://o'\nkeep = '1h'",
            "4:1: keep is no setting of [cache.site]",
        ),
        (
            "[cache]\nproxy-auth = 'a:b'\n[[cache.site]]\nhost = 'a.test'\norigin = 'http://o'",
            "2:1: proxy-auth is for a forward proxy, and one with sites is none",
        ),
        (
            "[cache]\norigin-host = 'a b'",
            "2:15: origin-host: \"a b\" is neither own, asked nor a host: not a host name or address",
        ),
        ("[[server.site]]\nroot = '/srv'", "1:1: [server.site] lacks host"),
        ("[[server.site]]\nhost = 'a.test'", "1:1: [server.site] lacks root, the directory that it serves"),
        (
            "[[server.site]]\nhost = 'a.test'\nroot = '/srv'\nport = 1",
            "4:1: port is no setting of [server.site]",
        ),
        ("[server]\nsite = 'a.test'", "2:1: each site is a table of its own: write [[server.site]]"),
        ("[server]\nsite = ['a.test']", "2:9: each site is a table of its own: write [[server.site]]"),
    ] {
        assert_eq!(told(text), [expected], "{text:?}");
    }
}
