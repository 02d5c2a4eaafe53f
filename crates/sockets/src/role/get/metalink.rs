//! Metalinks: from a file or a URL to what is to be got.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use download::{FileName, GetFault, METALINK_MAX, MetalinkFile, Order, Output, Url, get, parse_metalink};
use engine::clock;

use crate::args::units;
use crate::exit::Exit;
use crate::role::get::list::Line;
use crate::role::get::ways::Ways;

/// What the metalink at `place` names: a file if there is one of that name, else a URL.
///
/// # Errors
/// It can't be read or got, or is none.
pub(super) async fn read(place: &str, ways: &Ways) -> Result<Vec<Line>, Exit> {
    let (text, base) = if Path::new(place).exists() {
        (
            of_file(place)
                .map_err(|error| Exit::with_status(3, format_args!("can't read {place}: {error}")))?,
            None,
        )
    } else {
        let url = units::url(place).map_err(Exit::usage)?;
        let text = of_url(&url, ways).await;
        (text.map_err(|fault| Exit::with_status(fault.exit_status(), fault))?, Some(url))
    };
    let files = parse_metalink(&text, base.as_ref());
    let files = files.map_err(|fault| Exit::with_status(7, format_args!("{place}: {fault}")))?;
    Ok(files.into_iter().filter_map(line).collect())
}

fn of_file(path: &str) -> io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(METALINK_MAX).read_to_string(&mut text)?;
    Ok(text)
}

async fn of_url(url: &Url, ways: &Ways) -> Result<String, GetFault> {
    let text = Memory::default();
    let order = Order {
        size_max: Some(METALINK_MAX),
        ..Order::new(url.clone(), Output::Writer(Box::new(text.clone())))
    };
    get(ways, order, clock::now(), &()).await?;
    let bytes = text.0.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A place in memory that can be looked at afterwards.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The first place is asked first, the others are its mirrors; the name is made safe as a URL's is.
fn line(file: MetalinkFile) -> Option<Line> {
    let mut urls = file.urls.into_iter();
    let name = FileName::from_url_path(&file.name.replace('%', "%25"));
    let output = (!file.name.is_empty()).then(|| PathBuf::from(name.as_os_str()));
    let (url, mirror) = (urls.next()?, urls.collect());
    Some(Line { url, output, dir: None, mirror, checksum: file.digests, pieces: file.pieces })
}
