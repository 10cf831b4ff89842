//! The steps that show on the page.

use std::collections::BTreeSet;

use http::Request;
use seaway_testkit::bookinfo::Bookinfo;
use serde_json::Value;

use super::world::World;

const DOOR: &[&str] = &["platform.yaml", "gateway.yaml"];

/// No stars any more.
pub const ALL_V1: &[&str] = &[
    "platform.yaml",
    "gateway.yaml",
    "subsets.yaml",
    "routes/productpage-v1.yaml",
    "routes/details-v1.yaml",
    "routes/ratings-v1.yaml",
    "routes/reviews-v1.yaml",
];

/// Jason sees stars.
pub const BY_USER: &[&str] = &[
    "platform.yaml",
    "gateway.yaml",
    "subsets.yaml",
    "routes/productpage-v1.yaml",
    "routes/details-v1.yaml",
    "routes/ratings-v1.yaml",
    "routes/reviews-by-user.yaml",
];

/// Jason waits.
pub const DELAY: &[&str] = &[
    "platform.yaml",
    "gateway.yaml",
    "subsets.yaml",
    "routes/productpage-v1.yaml",
    "routes/details-v1.yaml",
    "routes/ratings-delay.yaml",
    "routes/reviews-by-user.yaml",
];

/// Jason's stars are broken.
pub const ABORT: &[&str] = &[
    "platform.yaml",
    "gateway.yaml",
    "subsets.yaml",
    "routes/productpage-v1.yaml",
    "routes/details-v1.yaml",
    "routes/ratings-abort.yaml",
    "routes/reviews-by-user.yaml",
];

/// Every other page has red stars.
pub const HALF_V3: &[&str] = &[
    "platform.yaml",
    "gateway.yaml",
    "subsets.yaml",
    "routes/productpage-v1.yaml",
    "routes/details-v1.yaml",
    "routes/ratings-v1.yaml",
    "routes/reviews-half-v3.yaml",
];

/// Every page has red stars.
pub const ALL_V3: &[&str] = &[
    "platform.yaml",
    "gateway.yaml",
    "subsets.yaml",
    "routes/productpage-v1.yaml",
    "routes/details-v1.yaml",
    "routes/ratings-v1.yaml",
    "routes/reviews-v3.yaml",
];

/// A gateway, and the services of the page behind it.
struct Site {
    world: World,
    _services: Bookinfo,
}

impl Site {
    async fn start(files: &[&str]) -> Self {
        let services = Bookinfo::start().expect("ports");
        // The example's pods are at 7101 and what follows, in the same order.
        let addresses = services.addresses().into_iter().map(|(_, address)| address);
        let world = World::start(files, (7101..).zip(addresses).collect(), &[]).await;
        services.call_through(world.mesh());
        Self {
            world,
            _services: services,
        }
    }

    /// The page, as this user sees it.
    async fn page(&self, user: Option<&str>) -> Value {
        self.page_within(user, 20_000).await
    }

    /// The page, which waits so many milliseconds for the reviews.
    async fn page_within(&self, user: Option<&str>, patience: u32) -> Value {
        let mut request = Request::get("/productpage")
            .header("host", "bookinfo.localhost")
            .header("x-patience-ms", patience);
        if let Some(user) = user {
            request = request.header("cookie", format!("user={user}"));
        }
        let answer = self.world.gateway.send(request).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        serde_json::from_slice(&answer.body).expect("JSON")
    }
}

/// The version of the reviews on a page.
fn version(page: &Value) -> String {
    page["reviews"]["version"]
        .as_str()
        .map_or_else(|| page.to_string(), ToOwned::to_owned)
}

#[tokio::test]
async fn the_door_shows_the_page_with_every_version_of_the_reviews_and_nothing_else_of_the_site() {
    let site = Site::start(DOOR).await;
    let mut seen = BTreeSet::new();
    site.world
        .gateway
        .until("all three versions have been seen", async || {
            let page = site.page(None).await;
            assert_eq!(page["details"]["title"], "A book", "{page}");
            seen.insert(version(&page));
            seen.len() == 3
        })
        .await;
    assert_eq!(seen, BTreeSet::from(["v1", "v2", "v3"].map(str::to_owned)));

    let gateway = &site.world.gateway;
    for (path, status) in [
        ("/login", 200),
        ("/logout", 200),
        ("/static/style.css", 200),
        ("/api/v1/products/0", 200),
        ("/loginx", 404),
        ("/admin", 404),
        ("/", 404),
    ] {
        assert_eq!(
            gateway.get("bookinfo.localhost", path).await.status,
            status,
            "{path}"
        );
    }
    assert_eq!(gateway.get("other.localhost", "/productpage").await.status, 404);
    // Rules of the mesh are not rules of the door.
    assert_eq!(gateway.get("reviews", "/reviews/0").await.status, 404);
}

#[tokio::test]
async fn all_to_version_1_shows_no_stars() {
    let site = Site::start(ALL_V1).await;
    for _ in 0..30 {
        let page = site.page(None).await;
        assert_eq!(version(&page), "v1", "{page}");
        assert_eq!(page["reviews"]["stars"], Value::Null, "{page}");
    }
}

#[tokio::test]
async fn jason_sees_the_new_version_and_everybody_else_the_old_one() {
    let site = Site::start(BY_USER).await;
    for _ in 0..10 {
        let jason = site.page(Some("jason")).await;
        assert_eq!(
            (version(&jason).as_str(), &jason["reviews"]["color"]),
            ("v2", &"black".into())
        );
        assert_eq!(jason["reviews"]["stars"]["first reader"], 5, "{jason}");
        assert_eq!(version(&site.page(None).await), "v1");
        assert_eq!(version(&site.page(Some("jasonx")).await), "v1");
    }
}

#[tokio::test]
async fn a_delay_makes_the_page_give_up_on_the_reviews_for_jason_only() {
    let site = Site::start(DELAY).await;
    let jason = site.page_within(Some("jason"), 200).await;
    assert_eq!(jason["reviews"]["error"], "not in time", "{jason}");
    assert_eq!(jason["details"]["title"], "A book");
    assert_eq!(version(&site.page(Some("anna")).await), "v1");
}

#[tokio::test]
async fn an_error_breaks_the_stars_for_jason_only() {
    let site = Site::start(ABORT).await;
    let jason = site.page(Some("jason")).await;
    assert_eq!(version(&jason), "v2", "{jason}");
    assert_eq!(jason["reviews"]["stars"]["error"], "status 500", "{jason}");
    let ratings = |user| {
        Request::get("/ratings/0")
            .header("host", "ratings")
            .header("end-user", user)
    };
    assert_eq!(site.world.call(ratings("jason")).await.status, 500);
    assert_eq!(site.world.call(ratings("anna")).await.status, 200);
}

#[tokio::test]
async fn traffic_shifts_to_half_and_then_to_everything() {
    let site = Site::start(HALF_V3).await;
    let mut new = 0_i32;
    for _ in 0..100 {
        let page = site.page(None).await;
        match version(&page).as_str() {
            "v3" => new += 1,
            other => assert_eq!(other, "v1"),
        }
    }
    // Shares are exact over time on each of the two workers.
    assert!((new - 50).abs() <= 2, "{new} of 100");

    site.world
        .replace("routes/reviews-half-v3.yaml", "routes/reviews-v3.yaml");
    let gateway = &site.world.gateway;
    gateway
        .until("version 1 is gone", async || {
            let mut gone = true;
            for _ in 0..4 {
                gone &= version(&site.page(None).await) == "v3";
            }
            gone
        })
        .await;
    for _ in 0..30 {
        let page = site.page(None).await;
        assert_eq!(
            (version(&page).as_str(), &page["reviews"]["color"]),
            ("v3", &"red".into())
        );
    }
}
