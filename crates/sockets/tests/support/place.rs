//! Places on this machine: directories, files in them, served directories, ports.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

use socket2::{Domain, Socket, Type};
use tempfile::TempDir;

use crate::support::process::Role;

/// A fresh directory with these files in it; directories on the way are made.
pub(crate) fn directory(files: &[(&str, &[u8])]) -> TempDir {
    // No dot at its beginning, which could be the reason for what is refused.
    let directory = TempDir::with_prefix("sockets-test-").unwrap();
    for (name, content) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    directory
}

/// Everything under `root`, by its path from there, in order.
pub(crate) fn tree(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut to_read = vec![root.to_owned()];
    while let Some(directory) = to_read.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            found.push(entry.path().strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            if entry.file_type().unwrap().is_dir() {
                to_read.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

/// A directory, and `sockets server` in front of it.
pub(crate) struct Site {
    pub(crate) files: TempDir,
    pub(crate) role: Role,
}

impl Site {
    /// Serves these files.
    pub(crate) fn of(files: &[(&str, &[u8])]) -> Self {
        Self::with(files, &[])
    }

    /// The same, with more arguments.
    pub(crate) fn with(files: &[(&str, &[u8])], args: &[&str]) -> Self {
        let files = directory(files);
        let role = Role::start("server", &[&[files.path().to_str().unwrap()], args].concat());
        Self { files, role }
    }
}

/// A port of 127.0.0.1 that is ours: whoever connects to it is refused, nobody gets it by asking for any port, and
/// who asks for it by its number can have it.
pub(crate) struct Port(Socket);

impl Port {
    pub(crate) fn reserve() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        Self(socket)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap().as_socket().unwrap()
    }

    /// Listens there.
    pub(crate) fn listen(self) -> TcpListener {
        self.0.listen(128).unwrap();
        self.0.into()
    }
}
