//! A browser: chromedriver as a child process, and the commands of WebDriver that the tests need.

use auricle_tests::limit;
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const DRIVER: &str = "chromedriver";
/// The name of an element's id in WebDriver.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// How a browser is started.
pub(crate) struct Options<'a> {
    /// What its microphone hears.
    pub(crate) microphone: Option<&'a Path>,
    /// Whether it hears that again and again.
    pub(crate) repeats: bool,
    /// Whether its user allows microphones.
    pub(crate) allows: bool,
    /// Whether media may go over UDP.
    pub(crate) has_udp: bool,
    /// A name for 127.0.0.1.
    pub(crate) name: Option<&'a str>,
    /// Where downloads go.
    pub(crate) downloads: Option<&'a Path>,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self { microphone: None, repeats: false, allows: true, has_udp: true, name: None, downloads: None }
    }
}

/// A running browser; ended when dropped.
pub(crate) struct Browser {
    driver: Child,
    /// The URL of the session.
    session: String,
}

impl Browser {
    pub(crate) fn start(options: &Options<'_>) -> Self {
        let mut driver =
            Command::new(DRIVER).arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap_or_else(
                |problem| panic!("{DRIVER}: {problem}; with Debian: apt install chromium chromium-driver"),
            );
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port =
            lines.find_map(|line| Some(line.split_once("successfully on port ")?.1.trim_end_matches('.').to_owned()));
        // It must not fill the pipe.
        thread::spawn(move || lines.for_each(drop));
        let mut args = vec![
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-quic".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            "--autoplay-policy=no-user-gesture-required".to_owned(),
            "--use-fake-device-for-media-stream".to_owned(),
        ];
        let once = if options.repeats { "" } else { "%noloop" };
        args.extend(
            options.microphone.map(|file| format!("--use-file-for-fake-audio-capture={}{once}", file.display())),
        );
        args.push(
            if options.allows { "--use-fake-ui-for-media-stream" } else { "--deny-permission-prompts" }.to_owned(),
        );
        if !options.has_udp {
            args.push("--force-webrtc-ip-handling-policy=disable_non_proxied_udp".to_owned());
        }
        args.extend(options.name.map(|name| format!("--host-resolver-rules=MAP {name} 127.0.0.1")));
        let downloads = options.downloads.map_or(Value::Null, |folder| json!(folder));
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            // Those of the tests are signed by nobody.
            "acceptInsecureCerts": true,
            "unhandledPromptBehavior": "accept",
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"args": args, "prefs": {"download.default_directory": downloads}},
        }}});
        let base = format!("http://127.0.0.1:{}", port.expect("chromedriver prints its port"));
        let begun = Instant::now();
        // It prints its port shortly before it listens.
        while agent().get(format!("{base}/status")).call().is_err() {
            assert!(begun.elapsed() < limit(), "{DRIVER} does not answer");
            thread::sleep(Duration::from_millis(20));
        }
        let made = call("POST", &format!("{base}/session"), &capabilities);
        let session = format!("{base}/session/{}", made["sessionId"].as_str().unwrap());
        Self { driver, session }
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        call("POST", &format!("{}{path}", self.session), body)
    }

    pub(crate) fn open(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    /// Runs a function body, and returns its result.
    pub(crate) fn script(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Like [`script`](Self::script), for one that calls `done` with its result.
    pub(crate) fn script_later(&self, script: &str, args: &[Value]) -> Value {
        let script = format!("const done = arguments[arguments.length - 1]; {script}");
        self.post("/execute/async", &json!({"script": script, "args": args}))
    }

    /// The value of an expression.
    pub(crate) fn value(&self, expression: &str) -> Value {
        self.script(&format!("return {expression}"))
    }

    /// The visible text of an element.
    pub(crate) fn text(&self, selector: &str) -> String {
        let value = self.value(&format!("document.querySelector({}).innerText", json!(selector)));
        value.as_str().unwrap_or_default().to_owned()
    }

    /// Notes from now on every text that an element shows: one may be gone before anybody looks. Returns the expression
    /// of their list.
    pub(crate) fn note(&self, selector: &str) -> String {
        let [element, list] =
            [format!("document.querySelector({})", json!(selector)), format!("noted[{}]", json!(selector))];
        self.script(&format!(
            "window.noted ??= {{}};
             {list} = [];
             new MutationObserver(() => {list}.push({element}.textContent))
                 .observe({element}, {{ childList: true, characterData: true, subtree: true }});"
        ));
        list
    }

    /// Waits until an expression is true. It must stay so: see [`note`](Self::note) for what may be gone at once.
    pub(crate) fn wait(&self, expression: &str) {
        let begun = Instant::now();
        while self.value(&format!("Boolean({expression})")) != json!(true) {
            assert!(begun.elapsed() < limit(), "not true: {expression}\n{}\n{:?}", self.text("body"), self.log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn element(&self, selector: &str) -> String {
        let found = self.post("/element", &json!({"using": "css selector", "value": selector}));
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    pub(crate) fn click(&self, selector: &str) {
        self.post(&format!("/element/{}/click", self.element(selector)), &json!({}));
    }

    /// Types into an element. For one that chooses a file, the text is its path.
    pub(crate) fn type_into(&self, selector: &str, text: &str) {
        self.post(&format!("/element/{}/value", self.element(selector)), &json!({ "text": text }));
    }

    /// Presses a key.
    pub(crate) fn press(&self, key: &str) {
        let actions = [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})];
        self.post("/actions", &json!({"actions": [{"type": "key", "id": "keys", "actions": actions}]}));
    }

    /// A command of Chromium's own protocol.
    pub(crate) fn chromium(&self, command: &str, params: &Value) -> Value {
        self.post("/goog/cdp/execute", &json!({"cmd": command, "params": params}))
    }

    /// Opens another tab and goes to it. Returns the tab before.
    pub(crate) fn new_tab(&self) -> String {
        let before = call("GET", &format!("{}/window", self.session), &Value::Null);
        let made = self.post("/window/new", &json!({"type": "tab"}));
        self.go_to_tab(made["handle"].as_str().unwrap());
        before.as_str().unwrap().to_owned()
    }

    pub(crate) fn go_to_tab(&self, tab: &str) {
        self.post("/window", &json!({ "handle": tab }));
    }

    /// Saves a picture of the page.
    pub(crate) fn screenshot(&self, file: &Path) {
        let picture = call("GET", &format!("{}/screenshot", self.session), &Value::Null);
        let bytes = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, picture.as_str().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }

    /// What the page and the browser wrote to the console.
    pub(crate) fn log(&self) -> Vec<String> {
        let lines = self.post("/se/log", &json!({"type": "browser"}));
        lines.as_array().unwrap().iter().map(|line| line["message"].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = agent().delete(&self.session).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// A client without a proxy, since chromedriver is on this machine.
fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(limit())).proxy(None);
    config.build().new_agent()
}

/// Sends a command; returns its value.
fn call(method: &str, url: &str, body: &Value) -> Value {
    let agent =
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(limit())).proxy(None).build();
    let agent = agent.new_agent();
    let answered = match method {
        "GET" => agent.get(url).call(),
        _ => agent.post(url).header("content-type", "application/json").send(body.to_string()),
    };
    let mut answer = answered.unwrap_or_else(|problem| panic!("{method} {url}: {problem}"));
    let text = answer.body_mut().with_config().limit(64 << 20).read_to_string().unwrap();
    assert!(answer.status().is_success(), "{method} {url} {body}: {text}");
    serde_json::from_str::<Value>(&text).unwrap()["value"].take()
}
