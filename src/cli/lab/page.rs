//! The scenario as a web page, beside the pages of its daemon.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use expsd::lab::run::{Act, Evidence, Lab};
use expsd::lab::scenario::{Cast, Scenario};
use expsd::web::{App, Lesson, Listener, Scene};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::text::{View, receiver, sender};
use crate::cli::serve::{HTTP_GRACE, app};

/// The pages while they are served.
pub struct Pages {
    address: SocketAddr,
    ended: CancellationToken,
    serving: JoinHandle<()>,
}

impl Pages {
    /// Serves them on a free port. There are none where no daemon runs.
    pub async fn serve(
        lab: &Lab,
        scenario: &Scenario,
        evidence: &Evidence,
        view: View,
    ) -> Option<Self> {
        let (daemon, recent) = lab.receiver()?;
        let lesson = Some(Arc::new(lesson(scenario, evidence, view)));
        let app = App {
            lesson,
            // What the lab leaves out, so that nobody waits for it, is no fault of the set.
            scope: Arc::clone(lab.written()),
            ..app(daemon, Arc::clone(recent))
        };
        let listener = Listener::bind((Ipv4Addr::LOCALHOST, 0).into(), None).await.ok()?;
        let (address, ended) = (listener.address(), CancellationToken::new());
        let serving = tokio::spawn(listener.serve(app, ended.clone()));
        Some(Self { address, ended, serving })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub async fn stop(self) {
        self.ended.cancel();
        let _ = tokio::time::timeout(HTTP_GRACE, self.serving).await;
    }
}

fn lesson(scenario: &Scenario, evidence: &Evidence, view: View) -> Lesson {
    let asks = view == View::Question;
    let (name, title) = match view {
        View::Whole => (scenario.name.to_owned(), scenario.title.clone()),
        // Both would name the cause.
        View::Question => {
            let number = scenario.number().to_string();
            (number.clone(), format!("Scenario {number}"))
        }
    };
    let acts = scenario.cast.iter().zip(&evidence.acts).enumerate();
    let scenes = acts.map(|(n, (cast, act))| scene(cast, act, view, n > 0));
    let seed = scenario.name.bytes().map(u64::from).sum();
    let choices = scenario.quiz.shuffled(seed).into_iter();
    Lesson {
        name,
        side: evidence.side.name().to_owned(),
        title,
        asks,
        symptom: scenario.symptom.clone(),
        configuration: scenario.configuration(evidence.side).to_owned(),
        findings: evidence
            .lint
            .iter()
            .map(|told| (told.rule.to_owned(), told.problem.clone()))
            .collect(),
        acts: scenes.collect(),
        difference: scenario.difference(),
        question: scenario.quiz.question.clone(),
        choices: choices.map(|(choice, _)| (choice.text.clone(), choice.why.clone())).collect(),
        lesson: scenario.lesson.to_owned(),
    }
}

/// What was seen stands apart from why it is so: that is the question.
fn scene(cast: &Cast, act: &Act, view: View, beside: bool) -> Scene {
    // The first line of each is a heading.
    let (causes, sender): (Vec<_>, _) = sender(&act.seen, View::Whole)
        .into_iter()
        .skip(1)
        .partition(|line| line.starts_with("cause "));
    let reasons = act.reasons();
    Scene {
        name: cast.name.clone(),
        who: cast.what.clone(),
        from: cast.from.to_string(),
        sender,
        receiver: receiver(act, view)
            .into_iter()
            .skip(1)
            .filter(|line| !reasons.contains(line))
            .collect(),
        diagnosis: reasons.into_iter().chain(causes).collect(),
        aside: beside && act.seen.outcome == "delivered",
        session: act.trace.as_ref().map(|trace| trace.session.clone()),
        command: act.command.clone(),
    }
}
