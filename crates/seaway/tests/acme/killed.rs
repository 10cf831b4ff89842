//! A process that is killed (SIGKILL) in any step of an order, and another that starts on its data.
//!
//! The proof is given by DNS: a gateway that starts anew gets other ports, which are not those that the authority looks at.

use rustix::process::Signal;
use seaway_testkit::acme::{Cloudflare, Fault, PebbleOptions, Place, Scheme};

use crate::world::{World, root};

/// Steps of which the authority has seen everything and the process nothing, each in an order of its own.
const STEPS: [Place; 6] = [
    Place::NewAccount,
    Place::Order,
    Place::Authorization,
    Place::Challenge,
    Place::Finalize,
    Place::Certificate,
];

#[tokio::test]
async fn a_process_that_is_killed_at_any_step_goes_on_with_its_order_when_it_is_started_again() {
    let options = PebbleOptions {
        authorization_reuse_percent: 0,
        ..PebbleOptions::default()
    };
    let mut world = World::start("", &[], options).await;
    let service =
        Cloudflare::start(Scheme::Https, "the-token", &["example.com"], &world.dns).expect("a service");
    let fields = format!(
        "apiTokenSecretName: token, apiServer: \"{}\", apiRootSecretName: api-root,",
        service.url()
    );
    let token = "apiVersion: v1\nkind: Secret\nmetadata: {name: token, namespace: test}\n\
                 stringData: {api-token: the-token}\n";
    let secrets = [
        root("api-root", service.tls_root_pem().expect("a root")),
        token.to_owned(),
    ]
    .join("---\n");
    for (number, step) in STEPS.into_iter().enumerate() {
        let host = format!("host{number}.example.com");
        let done = world.flaky.count(step);
        world.flaky.inject(step, 1, Fault::SilenceAfter);
        world.want_all("acmeCloudFlare", &fields, &[&host], &secrets);
        world
            .flaky
            .calls()
            .wait_until_done("POST", step.path(), done + 1)
            .await
            .expect("the step");
        world.gateway.process.signal(Signal::KILL);
        world.gateway.process.exit().await;
        world.start_again().await;
        world.served_for(&host).await;
        let orders = world.flaky.count(Place::NewOrder);
        assert_eq!(orders, number + 1, "an order was repeated after {step:?}");
        world
            .told("all is well", |cert| {
                cert["state"] == "valid" && cert["lastError"].is_null()
            })
            .await;
    }
    // Asked for once more by the process that started after the first kill, and never again.
    assert_eq!(world.flaky.count(Place::NewAccount), 2);
}
