//! What is to be got: from arguments and lists to orders.

use std::collections::HashMap;
use std::io::{Read, stdin, stdout};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use download::{Existing, FileName, Names, Order, Output, Throttle, Url};
use message::{Fields, header};

use crate::args::get::GetArgs;
use crate::exit::Exit;
use crate::role::get::credentials::{basic, netrc, of_netrc};
use crate::role::get::list::{self, LIST_MAX, Line};

/// The most connections of all files together.
const CONNECTIONS_ALTOGETHER: usize = 64;

/// All that is to be got, and how.
pub(super) struct Jobs {
    pub(super) args: GetArgs,
    pub(super) lines: Vec<Line>,
    fields: Fields,
    netrc: String,
    throttle: Option<Arc<Throttle>>,
}

impl Jobs {
    /// What the command line and its list name.
    ///
    /// # Errors
    /// A list that can't be read, or arguments that don't go together.
    pub(super) fn of(args: &GetArgs, named_by_metalink: Vec<Line>) -> Result<Self, Exit> {
        let alone = |url: &Url| Line {
            output: args.output.clone(),
            mirror: args.mirror.clone(),
            checksum: args.checksum.clone(),
            ..Line::of(url.clone())
        };
        let mut lines: Vec<Line> = args.urls.iter().map(alone).collect();
        if let Some(path) = &args.input {
            lines.extend(read_list(path)?);
        }
        lines.extend(named_by_metalink);
        let special = [
            ("-o", args.output.is_some(), "for several files name a directory with --dir"),
            ("--mirror", !args.mirror.is_empty(), "in a list it may stand behind the URL"),
            ("--checksum", !args.checksum.is_empty(), "in a list it may stand behind the URL"),
            ("-R", args.recursive, "one tree is one directory"),
        ];
        for (flag, given, instead) in special {
            if given && lines.len() > 1 {
                return Err(Exit::usage(format_args!("{flag} takes one URL; {instead}")));
            }
        }
        if !args.content_disposition {
            number_equal_names(&mut lines, &args.dir);
        }
        let netrc = if args.no_netrc || args.user.is_some() { String::new() } else { netrc() };
        let throttle = args.limit_rate.map(|rate| Arc::new(Throttle::new(rate)));
        Ok(Self { args: args.clone(), lines, fields: fields(args), netrc, throttle })
    }

    /// The order for one line.
    pub(super) fn order(&self, line: &Line) -> Order {
        let args = &self.args;
        let share =
            CONNECTIONS_ALTOGETHER / self.lines.len().clamp(1, args.jobs.get().min(CONNECTIONS_ALTOGETHER));
        Order {
            mirrors: line.mirror.clone(),
            balancer: args.balancer.clone(),
            checksums: line.checksum.clone(),
            pieces: line.pieces.clone(),
            range: args.range.clone(),
            compressed: args.compressed,
            existing: existing(args),
            fields: self.fields.clone(),
            own_fields: self.own_fields(&line.url),
            connections: NonZeroUsize::new(share).unwrap_or(NonZeroUsize::MIN).min(args.connections),
            per_source: args.per_server,
            size_max: args.max_size,
            throttle: self.throttle.clone(),
            redirects_max: args.max_redirects,
            tries: args.tries,
            answer_within: args.answer_within,
            stall: args.stall,
            ..Order::new(line.url.clone(), self.output(line))
        }
    }

    /// The directory for one line.
    pub(super) fn dir<'a>(&'a self, line: &'a Line) -> &'a PathBuf {
        line.dir.as_ref().unwrap_or(&self.args.dir)
    }

    fn output(&self, line: &Line) -> Output {
        let dir = self.dir(line);
        match &line.output {
            None if !line.place.is_empty() => Output::Beneath(dir.clone(), line.place.clone()),
            None => Output::Directory(dir.clone()),
            Some(path) if path.as_os_str() == "-" => Output::Writer(Box::new(stdout())),
            // The command line's own -o is a path as it stands; a list's is beneath its directory.
            Some(path) if self.args.output.is_some() => Output::File(path.clone()),
            Some(path) => Output::File(dir.join(path)),
        }
    }

    /// Fields for the URL's own server only.
    fn own_fields(&self, url: &Url) -> Fields {
        let mut fields = Fields::new();
        let credentials = match &self.args.user {
            Some(user) => {
                let (name, password) = user.split_once(':').unwrap_or((user, ""));
                basic(name, password)
            }
            None if self.netrc.is_empty() => None,
            None => of_netrc(&self.netrc, url),
        };
        if let Some(credentials) = credentials {
            fields.set(header::AUTHORIZATION, credentials);
        }
        fields
    }
}

fn read_list(path: &Path) -> Result<Vec<Line>, Exit> {
    let fault = |error| Exit::with_status(3, format_args!("can't read {}: {error}", path.display()));
    let source: Box<dyn Read> = match path.to_str() {
        Some("-") => Box::new(stdin()),
        _ => Box::new(std::fs::File::open(path).map_err(fault)?),
    };
    let mut text = String::new();
    source.take(LIST_MAX).read_to_string(&mut text).map_err(fault)?;
    list::read(&text).map_err(|fault| Exit::usage(format_args!("{}: {fault}", path.display())))
}

fn fields(args: &GetArgs) -> Fields {
    let mut fields = Fields::new();
    if let Some(agent) = &args.user_agent {
        fields.set(header::USER_AGENT, agent.clone());
    }
    if let Some(referer) = &args.referer {
        fields.set(header::REFERER, referer.clone());
    }
    for (name, value) in &args.header {
        fields.set(name.clone(), value.clone());
    }
    fields
}

fn existing(args: &GetArgs) -> Existing {
    match args {
        GetArgs { force: true, .. } => Existing::Replace,
        GetArgs { newer: true, .. } => Existing::Newer,
        GetArgs { no_clobber: true, .. } => Existing::Keep,
        GetArgs { recursive: true, .. } => Existing::Newer,
        _ => Existing::Refuse,
    }
}

/// Of several files that would have the same name in the same place, all but the first get a number.
fn number_equal_names(lines: &mut [Line], dir: &Path) {
    if lines.len() < 2 {
        return;
    }
    let mut taken: HashMap<PathBuf, Names> = HashMap::new();
    for line in lines.iter_mut().filter(|line| line.output.is_none()) {
        let place = line.dir.as_deref().unwrap_or(dir);
        let name = FileName::from_url_path(line.url.path());
        let free = taken.entry(place.to_owned()).or_default().claim(&name);
        if free != name {
            line.output = Some(PathBuf::from(free.as_os_str()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_are_numbered_from_the_second_on() {
        let mut lines = list::read("a/x.gz\nb/x.gz\nc/y\nd/x.gz\ne/x.gz --dir else\n").unwrap();
        number_equal_names(&mut lines, Path::new("."));
        let names: Vec<_> = lines.iter().map(|line| line.output.clone()).collect();
        assert_eq!(names, [None, Some("x.1.gz".into()), None, Some("x.2.gz".into()), None]);
    }
}
