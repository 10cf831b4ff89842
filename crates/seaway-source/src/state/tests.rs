use super::*;

const POLICY: Policy = Policy {
    settle: Duration::from_millis(500),
    vanish: Duration::from_millis(2000),
    poll: Duration::MAX,
};

/// A file whose clock is turned by hand.
struct File {
    state: FileState,
    now: Instant,
}

impl File {
    fn with(text: &str) -> Self {
        let mut file = Self {
            state: FileState::default(),
            now: Instant::now(),
        };
        file.write(text);
        file
    }

    fn write(&mut self, text: &str) {
        let (resources, problems) = seaway_api::parse("f", text);
        self.read(Reading::Text(Parsed {
            resources,
            problems,
            outline: Outline::of(text),
        }));
    }

    fn read(&mut self, reading: Reading) {
        self.state.observe(reading, self.now, POLICY);
    }

    fn remove(&mut self) {
        self.read(Reading::Gone(None));
    }

    fn wait(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
        self.state.tick(self.now);
    }

    /// `name=host` of every route that serves.
    fn serving(&self) -> String {
        let mut routes: Vec<String> = self
            .state
            .resources()
            .iter()
            .map(|resource| match resource {
                Resource::HttpRoute(route) => format!("{}={}", *route.meta.name, *route.spec.hosts[0]),
                other => panic!("{other:?}"),
            })
            .collect();
        routes.sort();
        routes.join(" ")
    }

    fn problems(&self) -> Vec<ProblemKind> {
        self.state.problems().iter().map(|problem| problem.kind).collect()
    }
}

fn route(name: &str, host: &str) -> String {
    format!(
        "---\napiVersion: seaway.dev/v1alpha1\nkind: HttpRoute\nmetadata: {{name: {name}}}\n\
         spec: {{hosts: [{host}], destinations: [{{host: a}}]}}\n"
    )
}

fn two() -> String {
    route("a", "a.com") + &route("b", "b.com")
}

#[test]
fn a_change_that_loses_nothing_serves_at_once() {
    let mut file = File::with(&two());
    file.write(&(route("a", "new.com") + &route("b", "b.com") + &route("c", "c.com")));
    assert_eq!(file.serving(), "a=new.com b=b.com c=c.com");
    assert_eq!(file.state.due(), None);
}

#[test]
fn a_broken_file_serves_its_last_good_state_until_it_is_mended() {
    let mut file = File::with(&two());
    file.write(&(route("a", "new.com") + "---\nkind: [\n"));
    file.wait(3_600_000);
    assert_eq!(file.serving(), "a=a.com b=b.com");
    assert_eq!(file.problems(), [ProblemKind::Syntax]);
    assert!(
        file.state.problems()[0]
            .help
            .ends_with("until then the last good state of the file keeps serving")
    );
    file.write(&(route("a", "new.com") + &route("b", "b.com")));
    assert_eq!(
        (file.serving().as_str(), file.problems()),
        ("a=new.com b=b.com", vec![])
    );
}

#[test]
fn a_file_that_is_broken_from_the_start_serves_what_can_be_read() {
    let mut file = File::with(&(route("a", "a.com") + "---\nkind: [\n"));
    assert_eq!(file.serving(), "a=a.com");
    assert!(!file.state.problems()[0].help.contains("keeps serving"));
    file.write(&(route("a", "new.com") + "---\nkind: {\n"));
    assert_eq!(file.serving(), "a=new.com");
}

#[test]
fn an_object_with_an_error_serves_in_its_last_good_version_beside_new_ones() {
    let mut file = File::with(&two());
    file.write(&(route("a", "'a b'") + &route("b", "new.com")));
    file.wait(3_600_000);
    assert_eq!(file.serving(), "a=a.com b=new.com");
    assert_eq!(file.problems(), [ProblemKind::InvalidValue]);
    assert!(
        file.state.problems()[0]
            .help
            .ends_with("the last good version of the object keeps serving")
    );
    // Once more: the good version is not forgotten by a second bad one.
    file.write(&(route("a", "'a  b'") + &route("b", "new.com")));
    assert_eq!(file.serving(), "a=a.com b=new.com");
}

#[test]
fn an_object_that_was_never_good_is_left_out() {
    let file = File::with(&(route("a", "'a b'") + &route("b", "b.com")));
    assert_eq!(file.serving(), "b=b.com");
}

#[test]
fn half_a_file_that_happens_to_be_valid_loses_nothing() {
    let whole = two();
    let mut file = File::with(&whole);
    for end in 0..whole.len() {
        file.write(&whole[..end]);
        assert_eq!(file.serving(), "a=a.com b=b.com", "after {:?}", &whole[..end]);
        file.wait(400);
        assert_eq!(
            file.serving(),
            "a=a.com b=b.com",
            "a while after {:?}",
            &whole[..end]
        );
    }
    file.write(&whole);
    assert_eq!(
        (file.serving().as_str(), file.state.due()),
        ("a=a.com b=b.com", None)
    );
}

#[test]
fn half_an_object_that_happens_to_be_valid_changes_nothing_until_it_has_settled() {
    let whole = "apiVersion: seaway.dev/v1alpha1\nkind: HttpRoute\nmetadata: {name: a}\nspec:\n  destinations:\n  - host: a\n  \
                 hosts:\n  - a.com\n  conditions:\n  - {type: query, name: beta, operator: exists}\n";
    let mut file = File::with(whole);
    let before = file.state.resources().to_vec();
    for (end, _) in whole.match_indices('\n') {
        file.write(&whole[..=end]);
        assert_eq!(file.state.resources(), before, "after {:?}", &whole[..=end]);
    }
    let half = whole.split_inclusive('\n').take(8).collect::<String>();
    file.write(&half);
    file.wait(500);
    assert_ne!(file.state.resources(), before);
}

#[test]
fn lines_that_are_taken_out_of_the_middle_serve_at_once() {
    let mut file = File::with(&(route("a", "a.com") + "# a note\n" + &route("b", "b.com")));
    file.write(&(route("a", "new.com") + &route("b", "b.com")));
    assert_eq!(file.serving(), "a=new.com b=b.com");
}

#[test]
fn an_object_that_was_taken_out_goes_when_the_file_has_settled() {
    let mut file = File::with(&two());
    file.write(&route("a", "a.com"));
    file.wait(499);
    assert_eq!(file.serving(), "a=a.com b=b.com");
    file.wait(1);
    assert_eq!(file.serving(), "a=a.com");
}

#[test]
fn a_file_that_is_still_being_written_starts_to_settle_anew() {
    let mut file = File::with(&two());
    file.write("");
    file.wait(400);
    file.write(&route("a", "a.com"));
    file.wait(400);
    assert_eq!(file.serving(), "a=a.com b=b.com");
    file.write(&(two() + &route("c", "c.com")));
    assert_eq!(file.serving(), "a=a.com b=b.com c=c.com");
}

#[test]
fn a_file_that_is_replaced_by_renaming_serves_all_the_while() {
    let mut file = File::with(&two());
    file.remove();
    file.wait(1999);
    assert_eq!(file.serving(), "a=a.com b=b.com");
    file.write(&(route("a", "new.com") + &route("b", "b.com")));
    assert_eq!(
        (file.serving().as_str(), file.state.due()),
        ("a=new.com b=b.com", None)
    );
}

#[test]
fn the_objects_of_a_file_that_stays_away_go() {
    let mut file = File::with(&two());
    file.remove();
    file.wait(2000);
    assert_eq!(file.serving(), "");
    assert!(!file.state.is_serving());
}

#[test]
fn a_named_file_that_stays_away_is_missed() {
    let mut file = File::with(&two());
    let problem = file_problem(
        ProblemKind::Unreadable,
        "f",
        Pos::default(),
        "gone".to_owned(),
        "put it back",
    );
    file.read(Reading::Gone(Some(problem)));
    assert_eq!(file.problems(), []);
    file.wait(2000);
    assert_eq!(file.problems(), [ProblemKind::Unreadable]);
    assert!(!file.state.is_serving());
}

#[test]
fn a_file_that_stays_empty_is_believed() {
    let mut file = File::with(&two());
    file.write("");
    file.wait(1999);
    assert_eq!(file.serving(), "a=a.com b=b.com");
    file.wait(1);
    assert_eq!(file.serving(), "");
}

#[test]
fn a_file_that_cannot_be_read_any_more_serves_its_last_good_state() {
    let mut file = File::with(&two());
    let problem = file_problem(
        ProblemKind::Unreadable,
        "f",
        Pos::default(),
        "no".to_owned(),
        "mend it",
    );
    file.read(Reading::Unreadable(problem));
    file.wait(3_600_000);
    assert_eq!(file.serving(), "a=a.com b=b.com");
    assert_eq!(
        file.state.problems()[0].help,
        "mend it; until then the last good state of the file keeps serving"
    );
}
