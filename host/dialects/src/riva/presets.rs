//! The presets that a client may use, as Riva lists its models.

use super::messages::{ModelConfig, RivaSpeechRecognitionConfigRequest, RivaSpeechRecognitionConfigResponse};
use auricle_session::Offer;

/// The models, or the one that is asked for.
pub(super) fn models(
    asked: &RivaSpeechRecognitionConfigRequest,
    offers: Vec<Offer>,
) -> RivaSpeechRecognitionConfigResponse {
    let wanted = |offer: &Offer| asked.model_name.is_empty() || asked.model_name == offer.name;
    let model = |Offer { name, title, languages }: Offer| {
        let mut parameters = vec![("type", "online".to_owned()), ("streaming", "True".to_owned())];
        if !languages.is_empty() {
            parameters.push(("language_code", languages.join(",")));
        }
        if !title.is_empty() {
            parameters.push(("description", title));
        }
        let parameters = parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        ModelConfig { model_name: name, parameters }
    };
    RivaSpeechRecognitionConfigResponse { model_config: offers.into_iter().filter(wanted).map(model).collect() }
}
