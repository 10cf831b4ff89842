//! The steps of an order (RFC 8555, section 7.4). Each begins by asking the authority how far the order is.

use std::collections::BTreeMap;
use std::time::Duration;

use instant_acme::{
    AuthorizationStatus, ChallengeStatus, ChallengeType, Identifier, NewOrder, Order, OrderStatus,
};
use rcgen::{CertificateParams, DistinguishedName};
use seaway_model::{AcmeMethod, KeyPair, PrivateKey};

use super::{Done, Session, Worker, identifier, plain};
use crate::acme::challenges::Proof;
use crate::acme::core::{Failure, FailureKind, Outcome, Timestamp};
use crate::acme::failure;
use crate::leaf;

/// Another process on the data folder, which may get the authority's question during a hand-over, looks for answers four
/// times a second.
const OTHERS_LOOK: Duration = Duration::from_millis(400);

impl Worker {
    pub(super) async fn order(&self, session: &Session<'_>) -> Result<Outcome, Failure> {
        let job = session.job;
        let identifiers: Vec<Identifier> = job
            .names
            .iter()
            .map(|name| {
                name.parse()
                    .map_or_else(|_| Identifier::Dns(name.to_owned()), Identifier::Ip)
            })
            .collect();
        let issued = job.record.issued.as_ref();
        let ours = issued.is_some_and(|issued| issued.directory == *job.issuer.directory);
        let replaces = identifier(job).filter(|_| ours && !job.record.without_replaces);
        let mut new = NewOrder::new(&identifiers);
        let replacing = replaces.is_some();
        if let Some(id) = replaces {
            new = new.replaces(id);
        }
        let made = match session.account.new_order(&new).await {
            // Decided before anything is sent.
            Err(instant_acme::Error::Unsupported(_)) => {
                session.account.new_order(&NewOrder::new(&identifiers)).await
            }
            made => made,
        };
        match made {
            Ok(order) => Ok(Outcome::Ordered(order.url().to_owned())),
            Err(error) => {
                let mut failure = session.failure(&error);
                let made_all_the_same = !matches!(error, instant_acme::Error::Api(_))
                    && session
                        .transport
                        .last()
                        .status
                        .is_some_and(|status| status.is_success());
                failure.not_ordered &= !made_all_the_same;
                // Whatever it disliked, it may have been this.
                failure.without_replaces |= replacing && failure.kind == FailureKind::Unexpected;
                Err(failure)
            }
        }
    }

    pub(super) async fn challenge(&self, session: &Session<'_>) -> Result<Outcome, Failure> {
        let mut order = fetch(session).await?;
        match order.state().status {
            OrderStatus::Pending => {}
            OrderStatus::Invalid => return self.invalid(session, &mut order).await,
            _ => return Ok(Outcome::Ready),
        }
        let proofs = proofs(session, &mut order, true).await?;
        self.publish(session, &proofs).await?;
        let kind = challenge_type(&session.job.issuer.method);
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(|error| session.failure(&error))?;
            if authorization.status != AuthorizationStatus::Pending {
                continue;
            }
            if let Some(mut challenge) = authorization.challenge(kind.clone())
                && challenge.status == ChallengeStatus::Pending
            {
                challenge
                    .set_ready()
                    .await
                    .map_err(|error| session.failure(&error))?;
            }
        }
        Ok(Outcome::Answered)
    }

    async fn publish(&self, session: &Session<'_>, proofs: &[Proof]) -> Result<(), Failure> {
        let job = session.job;
        match &job.issuer.method {
            // Kept, too: a process that takes over, and one that starts after a crash, answer as well.
            AcmeMethod::Http01 | AcmeMethod::TlsAlpn01 => {
                self.storage.write_proofs(&job.names, proofs)?;
                self.challenges.add(proofs).map_err(crate::CertError::from)?;
                tokio::time::sleep(OTHERS_LOOK).await;
            }
            AcmeMethod::Dns01AcmeDns(_) | AcmeMethod::Dns01Cloudflare(_) => {
                let transport = api_transport(&job.issuer.method)?;
                for (host, values) in by_host(proofs) {
                    self.dns.publish(&job.issuer, &host, &values, &transport).await?;
                }
            }
        }
        Ok(())
    }

    pub(super) async fn poll(&self, session: &Session<'_>) -> Result<Outcome, Failure> {
        let mut order = fetch(session).await?;
        let retry_after = session.transport.last().retry_after;
        match order.state().status {
            OrderStatus::Pending => Ok(Outcome::Pending(retry_after)),
            OrderStatus::Invalid => self.invalid(session, &mut order).await,
            OrderStatus::Ready | OrderStatus::Processing | OrderStatus::Valid => {
                self.clean(session, &mut order).await;
                Ok(Outcome::Ready)
            }
        }
    }

    /// The authority gave the order up: its authorizations say why.
    async fn invalid(&self, session: &Session<'_>, order: &mut Order) -> Result<Outcome, Failure> {
        self.clean(session, order).await;
        let mut failure = match &order.state().error {
            Some(problem) => failure::of_problem(problem),
            None => Failure::new(
                FailureKind::Order,
                "the authority gave the order up; a new one is made",
            ),
        };
        let mut authorizations = order.authorizations();
        while let Some(Ok(authorization)) = authorizations.next().await {
            let host = authorization
                .identifier()
                .identifier
                .authorized(false)
                .to_string();
            for problem in authorization
                .challenges
                .iter()
                .filter_map(|challenge| challenge.error.as_ref())
            {
                let of = failure::of_problem(problem);
                failure.kind = of.kind;
                failure.message = format!("{host}: {}", of.message);
                failure.hosts.push(host.clone());
            }
        }
        failure.order_lost = true;
        Err(failure)
    }

    /// Takes back what was published.
    async fn clean(&self, session: &Session<'_>, order: &mut Order) {
        let Ok(proofs) = proofs(session, order, false).await else {
            return;
        };
        let issuer = &session.job.issuer;
        let tokens: Vec<String> = proofs.iter().map(|proof| proof.token.clone()).collect();
        let hosts: Vec<String> = proofs.iter().map(|proof| proof.host.clone()).collect();
        self.challenges.remove(&tokens, &hosts);
        self.storage.remove_proofs(&session.job.names);
        if let (AcmeMethod::Dns01Cloudflare(_), Ok(transport)) =
            (&issuer.method, api_transport(&issuer.method))
        {
            for (host, values) in by_host(&proofs) {
                // A record that stays proves nothing any more.
                let _ = self.dns.clean(issuer, &host, &values, &transport).await;
            }
        }
    }

    pub(super) async fn finalize(&self, session: &Session<'_>) -> Result<Outcome, Failure> {
        let mut order = fetch(session).await?;
        let names = &session.job.names;
        match order.state().status {
            OrderStatus::Ready => {
                let key = self.storage.order_key(names)?;
                let csr = request(names, &key)?;
                order
                    .finalize_csr(&csr)
                    .await
                    .map_err(|error| session.failure(&error))?;
                Ok(Outcome::Finalized)
            }
            // The request was sent before a restart.
            OrderStatus::Processing | OrderStatus::Valid => Ok(Outcome::Finalized),
            OrderStatus::Invalid => self.invalid(session, &mut order).await,
            OrderStatus::Pending => Err(lost(
                "the authority wants the domains proven again; a new order is made",
            )),
        }
    }

    pub(super) async fn download(&self, session: &Session<'_>) -> Result<Done, Failure> {
        let mut order = fetch(session).await?;
        let retry_after = session.transport.last().retry_after;
        match order.state().status {
            OrderStatus::Valid => {}
            OrderStatus::Invalid => return self.invalid(session, &mut order).await.map(plain),
            _ => return Ok(plain(Outcome::Pending(retry_after))),
        }
        let chain = order
            .certificate()
            .await
            .map_err(|error| session.failure(&error))?;
        let (Some(chain), names) = (chain, &session.job.names) else {
            return Ok(plain(Outcome::Pending(retry_after)));
        };
        let key = self.storage.kept_order_key(names)?;
        let key = key
            .ok_or_else(|| lost("the key of the order is gone from the data folder; a new order is made"))?;
        let pair = KeyPair {
            certificate_chain: format!("{}\n", chain.trim()).into(),
            private_key: PrivateKey::new(key.serialize_pem()),
        };
        let validity = leaf::validity_of(&pair.certificate_chain).filter(|_| leaf::is_for(&pair, names));
        let Some((from, to)) = validity else {
            return Err(lost(
                "the authority's certificate is not for what was ordered; a new order is made",
            ));
        };
        self.storage.write_pair(names, &pair)?;
        Ok(Done {
            outcome: Outcome::Issued(Timestamp::from(from), Timestamp::from(to)),
            pair: Some(pair),
        })
    }
}

async fn fetch(session: &Session<'_>) -> Result<Order, Failure> {
    let order = session.account.order(session.url()).await;
    order.map_err(|error| {
        let mut failure = session.failure(&error);
        let status = session.transport.last().status;
        // Gone, or another account's.
        let gone = status.is_some_and(|status| matches!(status.as_u16(), 401 | 403 | 404 | 410));
        if gone {
            failure.kind = FailureKind::Order;
            failure.order_lost = true;
        }
        failure
    })
}

/// What proves the authorizations: those that are pending, or all.
async fn proofs(session: &Session<'_>, order: &mut Order, pending: bool) -> Result<Vec<Proof>, Failure> {
    let kind = challenge_type(&session.job.issuer.method);
    let mut proofs = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.map_err(|error| session.failure(&error))?;
        if pending && authorization.status != AuthorizationStatus::Pending {
            continue;
        }
        let host = authorization
            .identifier()
            .identifier
            .authorized(false)
            .to_string();
        let offered: Vec<String> = authorization
            .challenges
            .iter()
            .map(|c| format!("{:?}", c.r#type))
            .collect();
        match authorization.challenge(kind.clone()) {
            Some(challenge) => {
                let key = challenge.key_authorization();
                proofs.push(Proof {
                    host,
                    token: challenge.token.clone(),
                    answer: key.as_str().to_owned(),
                    digest: key.digest().as_ref().to_vec(),
                    tls: kind == ChallengeType::TlsAlpn01,
                    value: key.dns_value(),
                });
            }
            None if pending => {
                let message = format!(
                    "the authority does not offer {kind:?} for {host}, only {}; use another kind of issuer",
                    offered.join(", ")
                );
                return Err(Failure::new(FailureKind::Refused, message));
            }
            None => {}
        }
    }
    Ok(proofs)
}

fn by_host(proofs: &[Proof]) -> BTreeMap<String, Vec<String>> {
    let mut hosts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for proof in proofs {
        hosts
            .entry(proof.host.clone())
            .or_default()
            .push(proof.value.clone());
    }
    hosts
}

fn challenge_type(method: &AcmeMethod) -> ChallengeType {
    match method {
        AcmeMethod::Http01 => ChallengeType::Http01,
        AcmeMethod::TlsAlpn01 => ChallengeType::TlsAlpn01,
        AcmeMethod::Dns01AcmeDns(_) | AcmeMethod::Dns01Cloudflare(_) => ChallengeType::Dns01,
    }
}

/// DNS services are checked against roots of their own: those of the issuer are for its directory.
fn api_transport(method: &AcmeMethod) -> Result<super::Transport, Failure> {
    let roots = match method {
        AcmeMethod::Dns01AcmeDns(server) => server.roots.as_deref(),
        AcmeMethod::Dns01Cloudflare(cloudflare) => cloudflare.roots.as_deref(),
        AcmeMethod::Http01 | AcmeMethod::TlsAlpn01 => None,
    };
    super::Transport::new(roots).map_err(|error| Failure::new(FailureKind::Dns, error))
}

fn request(names: &leaf::Names, key: &rcgen::KeyPair) -> Result<Vec<u8>, Failure> {
    let list: Vec<String> = names.iter().map(str::to_owned).collect();
    let mut params = CertificateParams::new(list).map_err(crate::CertError::from)?;
    params.distinguished_name = DistinguishedName::new();
    let request = params.serialize_request(key).map_err(crate::CertError::from)?;
    Ok(request.der().to_vec())
}

fn lost(message: &str) -> Failure {
    let mut failure = Failure::new(FailureKind::Order, message);
    failure.order_lost = true;
    failure
}
