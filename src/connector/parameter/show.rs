//! Values as `Format-List` prints them.

use crate::connector::{
    AuthMechanism, ByteSize, ExtendedProtectionPolicy, MessageRateSource, PermissionGroups,
    ProtocolLoggingLevel, SizeMode, TimeSpan, TransportRole, Unlimited,
};

pub(super) trait Show {
    fn show(&self) -> String;
}

impl Show for bool {
    fn show(&self) -> String {
        if *self { "True" } else { "False" }.to_owned()
    }
}

impl<T: ToString> Show for Option<T> {
    fn show(&self) -> String {
        self.as_ref().map(T::to_string).unwrap_or_default()
    }
}

impl<T: ToString> Show for Vec<T> {
    fn show(&self) -> String {
        let items: Vec<_> = self.iter().map(T::to_string).collect();
        items.join(", ")
    }
}

macro_rules! as_displayed {
    ($($type:ty),+ $(,)?) => {
        $(impl Show for $type {
            fn show(&self) -> String {
                self.to_string()
            }
        })+
    };
}

as_displayed!(
    String,
    u32,
    AuthMechanism,
    ByteSize,
    ExtendedProtectionPolicy,
    MessageRateSource,
    PermissionGroups,
    ProtocolLoggingLevel,
    SizeMode,
    TimeSpan,
    TransportRole,
    Unlimited<u32>,
);
