//! All objects of all kinds, as `seaway-compile` takes them.

use std::sync::Arc;

use crate::core::{EndpointSlice, Endpoints, Namespace, Pod, Secret, Service};
use crate::http_route::HttpRoute;
use crate::https_cert::{HttpsCert, HttpsCertIssuer};
use crate::ingress::{Ingress, IngressClass};
use crate::istio::{DestinationRule, Gateway as IstioGateway, ServiceEntry, VirtualService, WorkloadEntry};
use crate::{Meta, Object, Problem};

macro_rules! kinds {
    ($($field:ident: $kind:ident),* $(,)?) => {
        /// One object. Shared, because the same object is compiled again and again while others change.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Resource {
            $(#[allow(missing_docs, reason = "the kinds speak for themselves")] $kind(Arc<Object<$kind>>),)*
        }

        impl Resource {
            /// What all objects have in common.
            #[must_use]
            pub fn meta(&self) -> &Meta {
                match self {
                    $(Self::$kind(object) => &object.meta,)*
                }
            }
        }

        /// All objects, and what was wrong with those that could not be read.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Resources {
            $(#[allow(missing_docs, reason = "the kinds speak for themselves")] pub $field: Vec<Arc<Object<$kind>>>,)*
            /// Of objects and files alike.
            pub problems: Vec<Problem>,
        }

        impl Resources {
            /// Adds an object.
            pub fn push(&mut self, resource: Resource) {
                match resource {
                    $(Resource::$kind(object) => self.$field.push(object),)*
                }
            }

            /// How many objects there are.
            #[must_use]
            pub fn len(&self) -> usize {
                0 $(+ self.$field.len())*
            }

            /// Whether there is no object.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }
        }
    };
}

impl Extend<Resource> for Resources {
    fn extend<I: IntoIterator<Item = Resource>>(&mut self, resources: I) {
        for resource in resources {
            self.push(resource);
        }
    }
}

kinds! {
    http_routes: HttpRoute,
    https_certs: HttpsCert,
    https_cert_issuers: HttpsCertIssuer,
    ingresses: Ingress,
    ingress_classes: IngressClass,
    istio_gateways: IstioGateway,
    virtual_services: VirtualService,
    destination_rules: DestinationRule,
    service_entries: ServiceEntry,
    workload_entries: WorkloadEntry,
    services: Service,
    endpoint_slices: EndpointSlice,
    endpoints: Endpoints,
    secrets: Secret,
    namespaces: Namespace,
    pods: Pod,
}
