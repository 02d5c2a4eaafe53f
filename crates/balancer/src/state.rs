//! What the administrator has changed, kept in a file.

use std::io;
use std::path::{Path, PathBuf};

use tokio::fs::{File, OpenOptions, read_to_string, rename};
use tokio::io::AsyncWriteExt as _;

/// What stands above the changes.
const HEAD: &str = "# What was changed while the balancer ran. It is written anew at each change.\n";

/// A file that holds changes, line by line.
#[derive(Clone, Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
}

impl StateFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The lines; none if there is no such file yet.
    pub(crate) async fn load(&self) -> io::Result<String> {
        match read_to_string(&self.path).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            read => read,
        }
    }

    /// Puts `lines` in the place of what was there, wholly or not at all.
    pub(crate) async fn save(&self, lines: &str) -> io::Result<()> {
        let mut name = self.path.clone().into_os_string();
        name.push(".new");
        let new = PathBuf::from(name);
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&new).await?;
        file.write_all(HEAD.as_bytes()).await?;
        file.write_all(lines.as_bytes()).await?;
        file.sync_all().await?;
        rename(&new, &self.path).await?;
        // So that the new name outlives the machine, too.
        let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new("."))).await?.sync_all().await
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}
