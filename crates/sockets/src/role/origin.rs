//! `sockets server`: from arguments to a served directory.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use origin::{ErrorPage, Origin};

use crate::args::origin::ServerArgs;
use crate::args::site::SiteArgs;
use crate::exit::Exit;
use crate::log::logs::Logs;
use crate::role::loaded::Loaded;
use crate::role::running::Running;
use crate::role::stand::Stand;

/// Begins to serve, with at most so many `connections` at a time.
///
/// # Errors
/// One line about the directory, the log or the address that can't be had.
pub(crate) fn open(args: &ServerArgs, logs: &mut Logs, connections: usize) -> Result<Running, Exit> {
    let origin = Origin::open(args.sites()).map_err(Exit::usage)?;
    warn_of_plain_passwords(args);
    // Another one may put them there yet: our own line of text is sent until then.
    missing_error_pages(args).for_each(|missing| tracing::warn!("{missing}"));
    let log = logs.of(&args.log, "server")?;
    let loaded = Loaded::new(origin, args.listen.limits.connections(connections));
    let stand = Stand::open("server", &args.addresses(), &args.listen, connections, loaded, log, |server| {
        server.service.free = Some(Arc::clone(&server.connections));
    })?;
    Ok(Running::new(stand, what(args), args.listen.drain).with_qr(args.qr))
}

/// Whether what it is told can be done, and what that is.
///
/// # Errors
/// One line about what can't.
pub(crate) fn check(args: &ServerArgs) -> Result<String, Exit> {
    Origin::open(args.sites()).map_err(Exit::usage)?;
    missing_error_pages(args).next().map_or_else(|| Ok(what(args)), |missing| Err(Exit::usage(missing)))
}

fn what(args: &ServerArgs) -> String {
    let directories: Vec<String> = args
        .all_sites()
        .map(SiteArgs::root)
        // As whoever is elsewhere would call it.
        .map(|root| root.canonicalize().unwrap_or_else(|_| root.to_owned()).display().to_string())
        .collect();
    format!("serving {}", directories.join(", "))
}

/// What is said of each error page that is no file.
fn missing_error_pages(args: &ServerArgs) -> impl Iterator<Item = String> {
    let pages = |site: &SiteArgs| {
        let beneath = |page: &ErrorPage| site.root().join(OsStr::from_bytes(page.file().as_bytes()));
        let paths = site.pages.error_page.iter().map(|page| (page.status(), beneath(page)));
        paths.filter(|(_, path)| !path.is_file()).collect::<Vec<_>>()
    };
    args.all_sites().flat_map(pages).map(|(status, path)| {
        format!("the page for {} is no file: create {} or name another", status.as_u16(), path.display())
    })
}

fn warn_of_plain_passwords(args: &ServerArgs) {
    for account in args.all_sites().flat_map(|site| &site.access.auth).filter(|account| account.is_plain()) {
        let user = account.user();
        tracing::warn!(
            "the password of {user} is given as it is, where others may see it: give its hash (htpasswd -nB {user})"
        );
    }
}
