//! The access logs of this process: one sink per place, whoever writes to it, and what becomes of them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

use crate::args::log::{LogArgs, Target};
use crate::exit::Exit;
use crate::log::access::AccessLog;
use crate::log::sink::{Place, Sink};
use crate::signal::Reopen;

/// Time between two warnings that lines were lost.
const WARN_EVERY: Duration = Duration::from_secs(5);

/// All access logs of this process.
#[derive(Default)]
pub(crate) struct Logs {
    open: Vec<(Place, Arc<Sink>)>,
    losing: Arc<Notify>,
}

impl Logs {
    /// The log of the role of that name. Two that go to the same place share its writer.
    ///
    /// # Errors
    /// A line about a file that can't be written to.
    pub(crate) fn of(&mut self, args: &LogArgs, role: &'static str) -> Result<AccessLog, Exit> {
        let sink = match args.target() {
            Target::Off => None,
            Target::Place(place) => Some(self.sink(place)?),
        };
        Ok(AccessLog::new(sink, args.log_format, role))
    }

    fn sink(&mut self, place: Place) -> Result<Arc<Sink>, Exit> {
        if let Some((_, sink)) = self.open.iter().find(|(other, _)| *other == place) {
            return Ok(Arc::clone(sink));
        }
        let opened = Sink::open(place.clone(), Arc::clone(&self.losing));
        let sink = Arc::new(opened.map_err(|error| {
            Exit::usage(format_args!("the access log can't be written to {place}: {error}"))
        })?);
        self.open.push((place, Arc::clone(&sink)));
        Ok(sink)
    }

    /// Opens the files anew at each signal, and warns of lines that were lost, for ever.
    pub(crate) async fn tend(&self, mut reopen: Reopen) {
        loop {
            tokio::select! {
                () = reopen.next() => self.open.iter().for_each(|(_, sink)| sink.reopen()),
                () = self.warn() => {}
            }
        }
    }

    /// Waits until lines are lost and says so, and then gives the next warning its time.
    async fn warn(&self) {
        self.losing.notified().await;
        self.tell_lost();
        sleep(WARN_EVERY).await;
    }

    /// Writes the last lines, after all else has ended.
    pub(crate) fn close(&self) {
        for (_, sink) in &self.open {
            sink.close();
        }
        self.tell_lost();
    }

    fn tell_lost(&self) {
        for (_, sink) in &self.open {
            let lost = sink.take_lost();
            if lost > 0 {
                tracing::warn!("{lost} lines of the access log were lost: {} takes no more", sink.name());
            }
        }
    }
}
