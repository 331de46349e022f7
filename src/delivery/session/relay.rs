//! How to reach the relay, read from the settings once.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;

use crate::config::{Config, Mail, Tls};
use crate::delivery::DeliveryError;
use crate::delivery::transcript::Transcript;

/// How to reach the relay; made once, used for every connection.
pub struct Relay {
    pub(super) mail: Mail,
    pub(super) connect_deadline: Duration,
    pub(super) command_deadline: Duration,
    pub(super) dot_within: Duration,
    pub(super) dot_deadline: Duration,
    pub(super) messages_max: usize,
    pub(super) age_max: Duration,
    pub(super) tls: Option<(TlsConnector, ServerName<'static>)>,
    pub(super) transcript: Option<Arc<Transcript>>,
}

impl Relay {
    /// Reads the certificate authorities; the error says which setting is wrong.
    pub fn new(config: &Config) -> Result<Self, DeliveryError> {
        let mail = config.mail.clone();
        let tls = if mail.tls == Tls::None {
            None
        } else {
            Some(connector(&mail).map_err(DeliveryError::Settings)?)
        };
        Ok(Self {
            mail,
            connect_deadline: Duration::from_secs(config.delivery.connect_deadline_secs),
            command_deadline: Duration::from_secs(config.delivery.command_deadline_secs),
            dot_within: Duration::from_secs(config.delivery.dot_within_secs()),
            dot_deadline: Duration::from_secs(config.delivery.dot_deadline_secs),
            messages_max: config.delivery.messages_per_connection,
            age_max: Duration::from_secs(config.delivery.connection_age_secs),
            tls,
            transcript: None,
        })
    }

    /// The same, and writes down what is said.
    pub fn listening(config: &Config, transcript: Arc<Transcript>) -> Result<Self, DeliveryError> {
        Ok(Self {
            transcript: Some(transcript),
            ..Self::new(config)?
        })
    }

    pub(super) fn note(&self, text: impl FnOnce() -> String) {
        if let Some(transcript) = &self.transcript {
            transcript.note(text());
        }
    }
}

fn connector(mail: &Mail) -> Result<(TlsConnector, ServerName<'static>), String> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in rustls_native_certs::load_native_certs().certs {
        // A machine's store may hold certificates that rustls does not read; they vouch for nobody here.
        let _ = roots.add(certificate);
    }
    if let Some(path) = &mail.ca_file {
        use rustls::pki_types::CertificateDer;
        use rustls::pki_types::pem::PemObject;
        let unreadable = |reason: String| {
            format!(
                "mail.ca_file: {} cannot be used: {reason}. Give a PEM file with certificates",
                path.display()
            )
        };
        let mut count = 0;
        for certificate in
            CertificateDer::pem_file_iter(path).map_err(|e| unreadable(e.to_string()))?
        {
            roots
                .add(certificate.map_err(|e| unreadable(e.to_string()))?)
                .map_err(|e| unreadable(e.to_string()))?;
            count += 1;
        }
        if count == 0 {
            return Err(unreadable("it holds no certificate".to_owned()));
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(mail.host.clone())
        .map_err(|_| format!("mail.host: {:?} is not a host name", mail.host))?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}
