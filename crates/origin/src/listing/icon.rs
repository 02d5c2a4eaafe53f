//! What kind of file a name promises, for the picture beside it. Nothing else depends on it.

/// The pictures there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Icon {
    Folder,
    Archive,
    Image,
    Video,
    Audio,
    Document,
    Text,
    Code,
    Disk,
    Other,
}

impl Icon {
    /// The class of a row in the page's style.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Folder => "dir",
            Self::Archive => "arc",
            Self::Image => "img",
            Self::Video => "vid",
            Self::Audio => "aud",
            Self::Document => "doc",
            Self::Text => "txt",
            Self::Code => "src",
            Self::Disk => "dsk",
            Self::Other => "bin",
        }
    }

    /// Of a file with that name.
    pub(crate) fn of_file(name: &[u8]) -> Self {
        let Some(dot) = name.iter().rposition(|byte| *byte == b'.') else { return Self::of_bare_name(name) };
        let after = name.get(dot.saturating_add(1)..).unwrap_or_default();
        let Ok(extension) = str::from_utf8(after) else { return Self::Other };
        Self::of_extension(&extension.to_ascii_lowercase())
    }

    /// Files without an extension are mostly read by people.
    fn of_bare_name(name: &[u8]) -> Self {
        match name.to_ascii_lowercase().as_slice() {
            b"makefile" | b"dockerfile" | b"justfile" => Self::Code,
            b"readme" | b"license" | b"copying" | b"authors" | b"changelog" | b"news" | b"install"
            | b"release" | b"inrelease" | b"md5sums" | b"sha1sums" | b"sha256sums" | b"sha512sums" => {
                Self::Text
            }
            _ => Self::Other,
        }
    }

    fn of_extension(extension: &str) -> Self {
        match extension {
            "7z" | "apk" | "br" | "bz2" | "crate" | "deb" | "gz" | "jar" | "lz" | "lz4" | "lzma" | "rar"
            | "rpm" | "snap" | "tar" | "tbz2" | "tgz" | "txz" | "tzst" | "whl" | "xz" | "z" | "zip"
            | "zst" => Self::Archive,
            "avif" | "bmp" | "gif" | "heic" | "ico" | "jpeg" | "jpg" | "jxl" | "png" | "psd" | "raw"
            | "svg" | "tif" | "tiff" | "webp" | "xcf" => Self::Image,
            "avi" | "flv" | "m2ts" | "m4v" | "mkv" | "mov" | "mp4" | "mpeg" | "mpg" | "ogv" | "webm"
            | "wmv" => Self::Video,
            "aac" | "aiff" | "flac" | "m4a" | "mid" | "mp3" | "oga" | "ogg" | "opus" | "wav" | "wma" => {
                Self::Audio
            }
            "djvu" | "doc" | "docx" | "epub" | "key" | "mobi" | "odp" | "ods" | "odt" | "pdf" | "ppt"
            | "pptx" | "ps" | "rtf" | "xls" | "xlsx" => Self::Document,
            "adoc" | "asc" | "cfg" | "conf" | "csv" | "ini" | "log" | "md" | "md5" | "nfo" | "rst"
            | "sha1" | "sha256" | "sha512" | "sig" | "sign" | "srt" | "sub" | "tex" | "tsv" | "txt"
            | "vtt" => Self::Text,
            "bash" | "bat" | "c" | "cc" | "cpp" | "cs" | "css" | "diff" | "go" | "h" | "hpp" | "hs"
            | "htm" | "html" | "java" | "js" | "json" | "jsonl" | "jsx" | "kt" | "lua" | "mjs" | "nix"
            | "patch" | "php" | "pl" | "ps1" | "py" | "rb" | "rs" | "scala" | "sh" | "sql" | "swift"
            | "toml" | "ts" | "tsx" | "vue" | "wasm" | "xml" | "yaml" | "yml" | "zig" => Self::Code,
            "dmg" | "img" | "iso" | "ova" | "qcow2" | "squashfs" | "vdi" | "vhd" | "vhdx" | "vmdk"
            | "wim" => Self::Disk,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_goes_by_the_end_of_the_name() {
        for (name, icon) in [
            ("linux-6.18.tar.xz", Icon::Archive),
            ("a.JPG", Icon::Image),
            ("a.mkv", Icon::Video),
            ("a.flac", Icon::Audio),
            ("a.pdf", Icon::Document),
            ("SHA256SUMS", Icon::Text),
            ("a.md", Icon::Text),
            ("Makefile", Icon::Code),
            ("main.rs", Icon::Code),
            ("debian-13.iso", Icon::Disk),
            ("iso", Icon::Other),
            ("a.", Icon::Other),
            ("", Icon::Other),
        ] {
            assert_eq!(Icon::of_file(name.as_bytes()), icon, "{name}");
        }
        assert_eq!(Icon::of_file(b"a.\xff"), Icon::Other);
    }
}
