//! The daemon's own log: lines on stderr, and spans for OpenTelemetry where that was built in.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use super::Format;
use super::output::Output;

/// Writes what is left of lines, and sends what is left of spans, when it is dropped.
pub(super) struct Log {
    lines: Output,
    #[cfg(feature = "otlp")]
    spans: Option<opentelemetry_sdk::trace::SdkTracerProvider>,
}

/// Begins to log, filtered by `RUST_LOG`.
///
/// # Errors
///
/// If no thread can be started, or the environment names a collector that cannot be one.
pub(super) fn start(format: Format) -> Result<Log, LogError> {
    let filter = || EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = Output::start(io::stderr(), "lines of the log").map_err(LogError::Thread)?;
    let output = lines.clone();
    let layer = tracing_subscriber::fmt::layer().with_writer(move || output.clone());
    let layer = match format {
        Format::Json => layer.json().with_filter(filter()).boxed(),
        Format::Text => {
            let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            let colour = io::stderr().is_terminal() && !plain;
            layer.with_target(false).with_ansi(colour).with_filter(filter()).boxed()
        }
    };
    let registry = tracing_subscriber::registry().with(layer);
    #[cfg(feature = "otlp")]
    {
        use opentelemetry::trace::TracerProvider as _;

        let spans = collector()?;
        let tracer = spans.as_ref().map(|spans| spans.tracer("expsd"));
        let layer = tracer
            .map(|tracer| tracing_opentelemetry::layer().with_tracer(tracer).with_filter(filter()));
        registry.with(layer).init();
        Ok(Log { lines, spans })
    }
    #[cfg(not(feature = "otlp"))]
    {
        registry.init();
        Ok(Log { lines })
    }
}

#[derive(Debug, thiserror::Error)]
pub(super) enum LogError {
    #[error("no thread can be started for the log: {0}")]
    Thread(io::Error),
    #[cfg(feature = "otlp")]
    #[error("OpenTelemetry: {0}")]
    Collector(#[from] opentelemetry_otlp::ExporterBuildError),
}

/// The collector that the environment names, by the names of OpenTelemetry's specification
/// ("OpenTelemetry Protocol Exporter").
#[cfg(feature = "otlp")]
fn collector() -> Result<Option<opentelemetry_sdk::trace::SdkTracerProvider>, LogError> {
    use opentelemetry_otlp::SpanExporter;
    use opentelemetry_sdk::Resource;
    use opentelemetry_sdk::trace::SdkTracerProvider;

    const NAMES: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
    if NAMES.iter().all(|name| std::env::var_os(name).is_none()) {
        return Ok(None);
    }
    let exporter = SpanExporter::builder().with_http().build()?;
    let mut resource = Resource::builder();
    if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
        resource = resource.with_service_name("expsd");
    }
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter);
    Ok(Some(provider.with_resource(resource.build()).build()))
}

impl Drop for Log {
    fn drop(&mut self) {
        #[cfg(feature = "otlp")]
        if let Some(Err(error)) = self.spans.take().map(|spans| spans.shutdown()) {
            tracing::error!("spans were not sent: {error}");
        }
        self.lines.finish();
    }
}
