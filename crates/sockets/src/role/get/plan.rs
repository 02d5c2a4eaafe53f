//! `--print-plan`: what would be done, for people.

use std::fmt::{self, Display};

use download::{FileName, Survey, Surveyed, Url};
use indicatif::HumanBytes;

use crate::role::get::job::Jobs;
use crate::role::get::list::Line;

/// What would be done with one line.
pub(super) struct Planned<'a> {
    pub(super) jobs: &'a Jobs,
    pub(super) line: &'a Line,
    pub(super) survey: &'a Survey,
}

impl Planned<'_> {
    /// How many connections there may be.
    fn connections(&self) -> usize {
        let args = &self.jobs.args;
        let good = self.survey.sources.iter().filter(|source| source.fault.is_none()).count();
        match self.survey.is_divisible {
            true => good.saturating_mul(args.per_server.get()).min(args.connections.get()),
            false => 1,
        }
    }
}

impl Display for Planned<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { jobs, line, survey } = self;
        let size = survey.length.map_or_else(
            || "of unknown length".to_owned(),
            |bytes| format!("{bytes} bytes ({})", HumanBytes(bytes)),
        );
        writeln!(f, "{}: {size}, to {}", line.url, place(jobs, line, &line.url))?;
        for Surveyed { url, fault } in &survey.sources {
            match fault {
                None => writeln!(f, "  from {url}")?,
                Some(fault) => writeln!(f, "  not from {url}: {fault}")?,
            }
        }
        if let Some(metalink) = &survey.metalink {
            writeln!(f, "  and from where {metalink} says")?;
        }
        let connections = self.connections();
        match survey.is_divisible {
            true => writeln!(f, "  in pieces over at most {connections} connections, to be gone on with")?,
            false => writeln!(
                f,
                "  in one piece: without a strong validator, parts can't be told from those of another version"
            )?,
        }
        match &*survey.digests {
            [] => writeln!(f, "  no digest is known to check it by"),
            digests => digests.iter().try_for_each(|digest| writeln!(f, "  checked by {digest}")),
        }
    }
}

/// Where a line is saved.
fn place(jobs: &Jobs, line: &Line, url: &Url) -> String {
    match (&line.output, &*line.place) {
        (Some(path), _) if path.as_os_str() == "-" => "standard output".to_owned(),
        (Some(path), _) if jobs.args.output.is_some() => path.display().to_string(),
        (Some(path), _) => jobs.dir(line).join(path).display().to_string(),
        (None, []) => jobs.dir(line).join(FileName::from_url_path(url.path())).display().to_string(),
        (None, names) => {
            names.iter().fold(jobs.dir(line).clone(), |path, name| path.join(name)).display().to_string()
        }
    }
}
