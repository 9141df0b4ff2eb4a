//! The macro that turns a crate into a plugin.

/// Turns the crate into a plugin with these engines. Each argument is an expression for a
/// [`ModelLoader`](crate::ModelLoader).
///
/// Used once, at the crate's top level, in a crate of type `cdylib`. The plugin's identity, version and description are
/// the package's. The package must unwind on panic: with `panic = "abort"` it does not compile, because a panic would
/// end the server.
///
/// ```ignore
/// auricle_plugin_api::export_engine!(Small, Large::new());
/// ```
///
/// Claims, a JSON object with the fields of [`Claims`](crate::Claims), say what all of their models can do, and what they need. The
/// server shows them before it runs any of the plugin's code. Its sandbox grants what they need and no more; without claims it grants
/// the files that [`ModelLoader::files`](crate::ModelLoader::files) names, and neither network nor GPU.
///
/// ```ignore
/// auricle_plugin_api::export_engine!(Small; claims: {"can": ["partials"], "languages": ["en"], "needs": ["gpu"]});
/// ```
#[macro_export]
macro_rules! export_engine {
    ($($loader:expr),+ $(,)? ; claims: $claims:tt) => {
        $crate::export_plugin! { engines: [$($loader),+], claims: $claims }
    };
    ($($loader:expr),+ $(,)?) => {
        $crate::export_plugin! { engines: [$($loader),+] }
    };
}

/// Turns the crate into a plugin with these engines and stages, like [`export_engine!`](crate::export_engine). At least one list is
/// there; each entry is an expression for a [`ModelLoader`](crate::ModelLoader) or a [`StageLoader`](crate::StageLoader).
///
/// ```ignore
/// auricle_plugin_api::export_plugin! { engines: [Small], stages: [Turns, Numbers], claims: {"needs": []} }
/// ```
///
/// Stages are new in plugin API 1.1, which is not released yet. A host of 1.0 takes the engines, and refuses a plugin without any.
#[macro_export]
macro_rules! export_plugin {
    (engines: [$($engine:expr),+ $(,)?] $(, stages: [$($stage:expr),+ $(,)?])? $(, claims: $claims:tt)? $(,)?) => {
        $crate::export_plugin!(@ [$($engine),+] [$($($stage),+)?]);
        $($crate::export_plugin!(@claims $claims);)?
    };
    (stages: [$($stage:expr),+ $(,)?] $(, claims: $claims:tt)? $(,)?) => {
        $crate::export_plugin!(@ [] [$($stage),+]);
        $($crate::export_plugin!(@claims $claims);)?
    };
    (@claims $claims:tt) => {
        #[doc(hidden)]
        #[unsafe(no_mangle)]
        pub static AURICLE_PLUGIN_CLAIMS: [u8; ::core::stringify!($claims).len() + 4] =
            $crate::Claims::encode(::core::stringify!($claims));
    };
    (@ [$($engine:expr),*] [$($stage:expr),*]) => {
        const _: () = assert!(
            cfg!(panic = "unwind"),
            "an engine must be built with panic = \"unwind\": with \"abort\" its panics would end the server"
        );

        #[doc(hidden)]
        #[unsafe(no_mangle)]
        pub static AURICLE_PLUGIN_MANIFEST: $crate::Manifest = $crate::Manifest::new(
            env!("CARGO_PKG_NAME"),
            env!("CARGO_PKG_VERSION"),
            env!("CARGO_PKG_DESCRIPTION"),
        );

        const _: () = {
            struct Plugin;

            impl $crate::abi::Plugin for Plugin {
                fn engines(_host: &$crate::Host) -> ::std::vec::Vec<$crate::abi::AbiLoaderBox> {
                    ::std::vec![$($crate::abi::loader($engine, _host)),*]
                }

                fn stages(_host: &$crate::Host) -> ::std::vec::Vec<$crate::abi::AbiStageLoaderBox> {
                    ::std::vec![$($crate::abi::stage_loader($stage, _host)),*]
                }
            }

            // The name under which abi_stable 0.11 looks for a root module.
            #[unsafe(no_mangle)]
            static _1as_0lib_1header_0root_bmodule_bloader: $crate::abi::LibHeader =
                $crate::abi::root_header::<Plugin>();
        };
    };
}
