//! Asking a system without running a pipe.

use pipewright_component::{Cancel, Components, Failure, Offer, Permission, Surroundings, System};
use pipewright_protocol::studio::{SystemColumn, SystemOffer, SystemTest};

use crate::api::Failed;
use crate::loaded::Loaded;
use crate::{Node, NodeError};

impl Node {
    /// Tries to reach a system, for the command line.
    pub fn test_system_once(&self, id: &str) -> Result<SystemTest, NodeError> {
        let loaded = self.loaded();
        self.tested(&loaded, id, &self.surroundings_of_ask(&loaded)).map_err(refused)
    }

    /// What a system offers, for the command line.
    pub fn system_offers_once(&self, id: &str) -> Result<Vec<SystemOffer>, NodeError> {
        let loaded = self.loaded();
        self.offered(&loaded, id, &self.surroundings_of_ask(&loaded)).map_err(refused)
    }

    /// Tries to reach a system of a trusted folder.
    pub(crate) fn test_system(&self, id: &str) -> Result<SystemTest, Failed> {
        let loaded = self.loaded();
        self.tested(&loaded, id, &self.surroundings_of_look(&loaded))
    }

    /// What a system of a trusted folder offers.
    pub(crate) fn system_offers(&self, id: &str) -> Result<Vec<SystemOffer>, Failed> {
        let loaded = self.loaded();
        self.offered(&loaded, id, &self.surroundings_of_look(&loaded))
    }

    /// Whoever names a system on the command line means it to be reached; only
    /// writing is not part of the question.
    fn surroundings_of_ask(&self, loaded: &Loaded) -> Surroundings {
        let mut surroundings = self.surroundings(loaded, Cancel::new());
        surroundings.access.write_outside = Permission::Held;
        surroundings
    }

    fn asked(
        &self,
        loaded: &Loaded,
        id: &str,
        surroundings: &Surroundings,
    ) -> Result<Box<dyn System>, Failed> {
        let system = loaded
            .project
            .system(id)
            .ok_or_else(|| Failed::not_found(format!("there is no system {id:?}")))?;
        if let Some(obstacle) = &system.obstacle {
            return Err(Failed::bad_request(obstacle.clone()));
        }
        let built = self.systems.system(id, &system.config, surroundings).map_err(failed)?;
        built.ok_or_else(|| {
            Failed::bad_request(format!("systems of type {:?} cannot be asked", system.kind))
        })
    }

    fn tested(
        &self,
        loaded: &Loaded,
        id: &str,
        surroundings: &Surroundings,
    ) -> Result<SystemTest, Failed> {
        let mut system = self.asked(loaded, id, surroundings)?;
        match system.test() {
            Ok(message) => Ok(SystemTest { ok: true, message }),
            Err(failure @ Failure::Held { .. }) => Err(failed(failure)),
            Err(failure) => Ok(SystemTest { ok: false, message: failure.to_string() }),
        }
    }

    fn offered(
        &self,
        loaded: &Loaded,
        id: &str,
        surroundings: &Surroundings,
    ) -> Result<Vec<SystemOffer>, Failed> {
        let offers = self.asked(loaded, id, surroundings)?.offers().map_err(failed)?;
        Ok(offers.into_iter().map(shown).collect())
    }
}

/// An offer as the studio is told of it.
pub(crate) fn shown(offer: Offer) -> SystemOffer {
    let columns = offer.columns.into_iter().map(|column| SystemColumn {
        name: column.name,
        type_name: column.type_name,
        nullable: column.is_nullable,
        key: column.is_key,
    });
    SystemOffer {
        kind: offer.kind.name().to_owned(),
        name: offer.name,
        columns: columns.collect(),
        about: offer.about,
        source: offer.source.map(serde_json::Value::Object),
    }
}

fn failed(failure: Failure) -> Failed {
    match failure {
        Failure::Held { .. } => Failed::not_trusted(),
        other => Failed::system(other.to_string()),
    }
}

fn refused(failed: Failed) -> NodeError {
    NodeError::Refused(failed.message())
}
