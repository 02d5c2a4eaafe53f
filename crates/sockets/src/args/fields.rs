//! What is said of files in the fields of their answers.

use clap::Args;
use origin::{Config, MediaTypes, Rule};

/// Arguments about fields. Each may be given several times, and the last one for a file counts.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "What is said of files (may be repeated; of two for one file the later holds)")]
pub(crate) struct FieldArgs {
    /// Set Cache-Control: on all files, such as 'max-age=3600', or on some, such as '*.css=max-age=86400'
    #[arg(long, env = "SOCKETS_CACHE_CONTROL", value_name = "[GLOB=]VALUE", value_delimiter = '\n', value_parser = Rule::cache_control)]
    pub(crate) cache_control: Vec<Rule>,
    /// Set any field, such as 'X-Robots-Tag: none' or '/wasm/**=Cross-Origin-Opener-Policy: same-origin'
    #[arg(long, env = "SOCKETS_HEADER", value_name = "[GLOB=]NAME: VALUE", value_delimiter = '\n', value_parser = Rule::field)]
    pub(crate) header: Vec<Rule>,
    /// Have browsers save these files instead of showing them, such as '*.pdf'
    #[arg(long, env = "SOCKETS_ATTACHMENT", value_name = "GLOB", value_delimiter = '\n', value_parser = Rule::attachment)]
    pub(crate) attachment: Vec<Rule>,
    /// The media type of files with that ending, such as md=text/plain
    #[arg(long, env = "SOCKETS_MIME", value_name = "ENDING=TYPE", value_delimiter = '\n', value_parser = mime)]
    pub(crate) mime: Vec<String>,
}

impl FieldArgs {
    /// The same configuration with what is asked for here.
    pub(crate) fn apply(&self, config: Config) -> Config {
        let mut media_types = MediaTypes::default();
        for text in &self.mime {
            // Each was tried when it was read.
            let _ = media_types.say(text);
        }
        let rules = [&self.cache_control, &self.header, &self.attachment].into_iter().flatten().cloned();
        Config { media_types, rules: rules.collect(), ..config }
    }
}

fn mime(text: &str) -> Result<String, String> {
    match MediaTypes::default().say(text) {
        Ok(()) => Ok(text.to_owned()),
        Err(fault) => Err(format!("{text:?}: {fault}")),
    }
}
