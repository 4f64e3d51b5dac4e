//! Every adapter over real sockets. The same scenarios run on tokio, async-std, smol and blocking
//! sockets, without TLS, with STLS and with implicit TLS.

#[cfg(target_os = "linux")]
mod acknowledging;
mod auth;
mod builder;
mod calls;
mod certificates;
mod dropped;
mod endings;
mod hanging;
mod memory;
mod messages;
mod overheard;
mod panics;
mod records;
mod relay;
mod reporting;
mod runtime;
mod security;
mod server;
mod sinks;
mod streams;
mod timing;

/// Turns scenarios into tests, each on all runtimes and in all modes.
#[macro_export]
macro_rules! everywhere {
    ($($scenario:ident),* $(,)?) => {$(
        mod $scenario {
            use $crate::server::Mode;
            $crate::everywhere!(@ $scenario tokio $crate::runtime::Tokio);
            $crate::everywhere!(@ $scenario async_std pop3_async_std::AsyncStd);
            $crate::everywhere!(@ $scenario smol pop3_async_std::Smol);
            $crate::everywhere!(@ $scenario std $crate::runtime::Std);
        }
    )*};
    (@ $scenario:ident $name:ident $runtime:ty) => {
        mod $name {
            use super::Mode;
            use $crate::runtime::Runtime as _;

            #[test]
            fn trusted() {
                <$runtime>::run(super::super::$scenario::<$runtime>(Mode::Trusted));
            }

            #[test]
            fn stls() {
                <$runtime>::run(super::super::$scenario::<$runtime>(Mode::Stls));
            }

            #[test]
            fn implicit() {
                <$runtime>::run(super::super::$scenario::<$runtime>(Mode::Implicit));
            }
        }
    };
}

/// Turns scenarios that choose the mode themselves into tests, each on all runtimes.
#[macro_export]
macro_rules! on_each_runtime {
    ($($scenario:ident),* $(,)?) => {$(
        mod $scenario {
            use $crate::runtime::Runtime as _;

            #[test]
            fn tokio() {
                $crate::runtime::Tokio::run(super::$scenario::<$crate::runtime::Tokio>());
            }

            #[test]
            fn async_std() {
                <pop3_async_std::AsyncStd as $crate::runtime::Runtime>::run(
                    super::$scenario::<pop3_async_std::AsyncStd>(),
                );
            }

            #[test]
            fn smol() {
                <pop3_async_std::Smol as $crate::runtime::Runtime>::run(
                    super::$scenario::<pop3_async_std::Smol>(),
                );
            }

            #[test]
            fn std() {
                $crate::runtime::Std::run(super::$scenario::<$crate::runtime::Std>());
            }
        }
    )*};
}
