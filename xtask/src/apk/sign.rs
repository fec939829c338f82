//! Signatures: schemes v2 and v3, which Android 8 and later read.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::native::MIN_SDK;
use super::tools;
use crate::run;

/// The variables that name the key of releases.
const VARIABLES: [&str; 4] =
    ["TELLTALE_KEYSTORE", "TELLTALE_KEYSTORE_PASSWORD", "TELLTALE_KEY_ALIAS", "TELLTALE_KEY_PASSWORD"];

/// The password of the debug key, which protects nothing.
const DEBUG: &str = "telltale";

/// A key in a store. Passwords are handed on by the environment: arguments can be read by every process.
#[derive(Debug)]
pub struct Key {
    store: PathBuf,
    alias: String,
    store_password: String,
    key_password: String,
}

impl Key {
    /// The key of releases.
    ///
    /// # Errors
    /// When a variable that names it is not set or the store is not there.
    pub fn release() -> Result<Self> {
        Self::from(|name| std::env::var_os(name).and_then(|value| value.into_string().ok()))
    }

    fn from(variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let values = VARIABLES.map(|name| variable(name).filter(|value| !value.is_empty()));
        let [Some(store), Some(store_password), Some(alias), Some(key_password)] = values else {
            let missing: Vec<&str> = VARIABLES
                .into_iter()
                .filter(|name| variable(name).is_none_or(|value| value.is_empty()))
                .collect();
            bail!(
                "--release signs with your own key: set {} (without --release a debug key is used)",
                missing.join(", ")
            );
        };
        let store = PathBuf::from(store);
        if !store.is_file() {
            bail!("TELLTALE_KEYSTORE: there is no {}", store.display());
        }
        Ok(Self { store, alias, store_password, key_password })
    }

    /// The key of this machine's debug builds, made on first use and kept in the user's data folder: an app is updated
    /// only by one of the same key.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn debug() -> Result<Self> {
        let data =
            tools::folder("XDG_DATA_HOME").or_else(|| Some(std::env::home_dir()?.join(".local/share")));
        let store = data.context("no home folder")?.join("telltale/debug.keystore");
        let password = || DEBUG.to_owned();
        let key = Self { store, alias: password(), store_password: password(), key_password: password() };
        if !key.store.is_file() {
            key.generate()?;
        }
        Ok(key)
    }

    /// RSA: the same key and bytes give the same signature.
    fn generate(&self) -> Result<()> {
        std::fs::create_dir_all(self.store.parent().context("a key store in no folder")?)?;
        eprintln!("making a debug key: {}", self.store.display());
        let mut keytool = Command::new("keytool");
        keytool.args(["-genkeypair", "-keyalg", "RSA", "-keysize", "3072", "-validity", "10000"]);
        keytool.args(["-dname", "CN=Telltale debug", "-alias", &self.alias, "-storetype", "PKCS12"]);
        keytool.args(["-storepass", &self.store_password]).arg("-keystore").arg(&self.store);
        run::output(&mut keytool)?;
        Ok(())
    }

    /// Signs a file into another one.
    ///
    /// # Errors
    /// When apksigner fails.
    pub fn sign(&self, apksigner: &Path, unsigned: &Path, signed: &Path) -> Result<()> {
        let mut command = Command::new(apksigner);
        command.arg("sign").arg("--ks").arg(&self.store).args(["--ks-key-alias", &self.alias]);
        command.args(["--ks-pass", "env:STORE_PASSWORD", "--key-pass", "env:KEY_PASSWORD"]);
        command.env("STORE_PASSWORD", &self.store_password).env("KEY_PASSWORD", &self.key_password);
        command.args(["--min-sdk-version", &MIN_SDK.to_string()]);
        for (scheme, enabled) in [(1, false), (2, true), (3, true), (4, false)] {
            // A flag and its value are two words here: older versions take nothing else.
            command.arg(format!("--v{scheme}-signing-enabled")).arg(enabled.to_string());
        }
        command.arg("--out").arg(signed).arg(unsigned);
        run::output(&mut command)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_without_a_key_names_what_is_missing() {
        let error =
            Key::from(|name| (name == "TELLTALE_KEYSTORE").then(|| "/x".to_owned())).unwrap_err().to_string();
        assert!(error.contains("TELLTALE_KEYSTORE_PASSWORD, TELLTALE_KEY_ALIAS, TELLTALE_KEY_PASSWORD"));
        let error = Key::from(|_| Some("/no/such/store".to_owned())).unwrap_err().to_string();
        assert!(error.contains("there is no /no/such/store"));
    }
}
