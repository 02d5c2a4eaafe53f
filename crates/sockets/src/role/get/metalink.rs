//! Metalinks and lists of checksums: from a file or a URL to what is to be got.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use download::{Digest, FileName, METALINK_MAX, MetalinkFile, Order, Output, Url, get_text, parse_metalink};
use engine::clock;

use crate::args::units;
use crate::exit::Exit;
use crate::role::get::list::Line;
use crate::role::get::ways::Ways;

/// What the metalink at `place` names.
///
/// # Errors
/// It can't be read or got, or is none.
pub(super) async fn read(place: &str, ways: &Ways) -> Result<Vec<Line>, Exit> {
    let (text, base) = text(place, ways).await?;
    let files = parse_metalink(&text, base.as_ref());
    let files = files.map_err(|fault| Exit::with_status(7, format_args!("{place}: {fault}")))?;
    Ok(files.into_iter().filter_map(line).collect())
}

/// Gives each of `lines` its digest in the list at `place`, such as `SHA256SUMS` or `x.iso.sha256`.
///
/// # Errors
/// The list can't be read or got, or does not name a file that is to be got.
pub(super) async fn check_by_list(place: &str, lines: &mut [Line], ways: &Ways) -> Result<(), Exit> {
    let (list, _) = text(place, ways).await?;
    for line in lines {
        let name = FileName::from_url_path(line.url.path());
        let name = name.as_os_str().to_string_lossy().into_owned();
        let digest = Digest::in_list(&list, &name);
        let absent = || Exit::with_status(9, format_args!("{place} has no checksum of {name}"));
        line.checksum.push(digest.ok_or_else(absent)?);
    }
    Ok(())
}

/// The text at `place`, a file if there is one of that name, else a URL; and the URL.
async fn text(place: &str, ways: &Ways) -> Result<(String, Option<Url>), Exit> {
    if Path::new(place).exists() {
        let text = of_file(place);
        let fault = |error| Exit::with_status(3, format_args!("can't read {place}: {error}"));
        return Ok((text.map_err(fault)?, None));
    }
    let url = units::url(place).map_err(Exit::usage)?;
    let order = Order::new(url, Output::Directory(PathBuf::new()));
    let text = get_text(ways, order, METALINK_MAX, clock::now(), &()).await;
    let text = text.map_err(|fault| Exit::with_status(fault.exit_status(), fault))?;
    Ok((text.text, Some(text.url)))
}

fn of_file(path: &str) -> io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(METALINK_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// The first place is asked first, the others are its mirrors; the name is made safe as a URL's is.
fn line(file: MetalinkFile) -> Option<Line> {
    let mut urls = file.urls.into_iter();
    let name = FileName::from_url_path(&file.name.replace('%', "%25"));
    let output = (!file.name.is_empty()).then(|| PathBuf::from(name.as_os_str()));
    let (url, mirror) = (urls.next()?, urls.collect());
    Some(Line { output, mirror, checksum: file.digests, pieces: file.pieces, ..Line::of(url) })
}
