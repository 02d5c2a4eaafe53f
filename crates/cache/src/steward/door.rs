//! Where the owner of a cache finds it while it runs: a file in its directory that nobody else may read.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The file. Dropped, it is gone.
#[derive(Debug)]
pub struct Door {
    path: PathBuf,
}

impl Door {
    /// Writes that the cache in `dir` listens at `address`, and does errands for who has `token`.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(dir: &Path, address: SocketAddr, token: &str) -> io::Result<Self> {
        let path = path(dir);
        let new = path.with_extension("new");
        match fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        writeln!(file, "{address} {token}")?;
        fs::rename(&new, &path)?;
        Ok(Self { path })
    }

    /// Where the cache in `dir` listens, and the token; `None` if it does not run, as far as it has said.
    ///
    /// # Errors
    /// What the system says, above all to those who may not know.
    pub fn find(dir: &Path) -> io::Result<Option<(SocketAddr, String)>> {
        let text = match fs::read_to_string(path(dir)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            text => text?,
        };
        let found = text.trim_end().split_once(' ');
        Ok(found.and_then(|(address, token)| Some((address.parse().ok()?, token.to_owned()))))
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        // What can't be removed leads nowhere: who follows it is told so.
        drop(fs::remove_file(&self.path));
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join(".sockets").join("door")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn it_is_there_for_its_owner_while_it_is_open() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(".sockets")).unwrap();
        assert_eq!(Door::find(dir.path()).unwrap(), None);
        let address: SocketAddr = "[::1]:9000".parse().unwrap();
        drop(Door::open(dir.path(), address, "old"));
        let door = Door::open(dir.path(), address, "token").unwrap();
        assert_eq!(Door::find(dir.path()).unwrap(), Some((address, "token".to_owned())));
        assert_eq!(fs::metadata(path(dir.path())).unwrap().permissions().mode() & 0o777, 0o600);
        drop(door);
        assert_eq!(Door::find(dir.path()).unwrap(), None);
    }
}
