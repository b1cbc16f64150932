//! The scenario as a web page, beside the pages of its daemon.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use expsd::lab::run::{Evidence, Lab};
use expsd::lab::scenario::Scenario;
use expsd::web::{App, Lesson, Listener, Scene};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::text::{receiver, sender};
use crate::cli::serve::{HTTP_GRACE, app};

/// The pages while they are served.
pub struct Pages {
    address: SocketAddr,
    ended: CancellationToken,
    serving: JoinHandle<()>,
}

impl Pages {
    /// Serves them on a free port. There are none where no daemon runs.
    pub async fn serve(lab: &Lab, scenario: &Scenario, evidence: &Evidence) -> Option<Self> {
        let (daemon, recent) = lab.receiver()?;
        let lesson = Some(Arc::new(lesson(scenario, evidence)));
        let app = App { lesson, ..app(daemon, Arc::clone(recent)) };
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

fn lesson(scenario: &Scenario, evidence: &Evidence) -> Lesson {
    let acts = scenario.cast.iter().zip(&evidence.acts).enumerate();
    // The first line is a heading.
    let body = |lines: Vec<String>| lines.into_iter().skip(1).collect();
    let scenes = acts.map(|(n, (cast, act))| Scene {
        name: cast.name.clone(),
        who: cast.what.clone(),
        from: cast.from.to_string(),
        sender: body(sender(&act.seen)),
        receiver: body(receiver(act)),
        aside: n > 0 && act.seen.outcome == "delivered",
        session: act.trace.as_ref().map(|trace| trace.session.clone()),
        command: act.command.clone(),
    });
    let seed = scenario.name.bytes().map(u64::from).sum();
    let choices = scenario.quiz.shuffled(seed).into_iter();
    Lesson {
        name: scenario.name.to_owned(),
        side: evidence.side.name().to_owned(),
        title: scenario.title.clone(),
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
