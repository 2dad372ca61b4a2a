// What Stripe.js is to a page, for the calls that our checkout makes: same names, same arguments,
// same answers. Source: the types of @stripe/stripe-js 10 (release train "endive").
//
// The page that loads this never sees a card: the fields are in a frame of the sandbox's origin,
// which makes a confirmation token of them and tells its id.
(() => {
  "use strict";

  const ORIGIN = new URL(document.currentScript.src).origin;

  /** A mistake in how the page uses this: thrown, as Stripe.js throws it. */
  class IntegrationError extends Error {
    constructor(message) {
      super(message);
      this.name = "IntegrationError";
    }
  }

  const UNREACHABLE = {
    type: "api_connection_error",
    message: "The payment sandbox cannot be reached. Check your connection and try again.",
  };

  const PATIENCE_MS = 10_000; // A frame that is not there by then will not come.

  /** @type {WeakMap<object, Group>} The secrets of an Elements object. */
  const groups = new WeakMap();

  // Frames -----------------------------------------------------------------------------------------

  /** A frame of the sandbox, and the port through which both talk. */
  class Frame {
    #port = null;
    #waiting = new Map();
    #unsent = [];
    #number = 0;
    #isGivenUp = false;
    #onMessage;

    /**
     * @param {string} path @param {string} title What it is, for who does not see it.
     * @param {(news: any) => void} hear Whatever it says by itself.
     */
    constructor(path, title, hear) {
      this.hear = hear;
      this.element = document.createElement("iframe");
      this.element.src = ORIGIN + path;
      this.element.title = title;
      this.element.name = `sandbox${path.replaceAll("/", "-")}`;
      this.element.referrerPolicy = "origin";
      this.#onMessage = (event) => this.#greet(event);
      addEventListener("message", this.#onMessage);
    }

    /** It is there: give it its end of a channel. It is heard from its own window and origin only. */
    #greet({ source, origin, data }) {
      if (source !== this.element.contentWindow || origin !== ORIGIN || data !== "sandbox:here") return;
      const { port1, port2 } = new MessageChannel();
      this.#port?.close();
      this.#port = port1;
      this.#isGivenUp = false; // Late, but here.
      port1.onmessage = (event) => this.#take(event.data);
      this.element.contentWindow.postMessage("sandbox:port", ORIGIN, [port2]);
      for (const message of this.#unsent.splice(0)) port1.postMessage(message);
    }

    #take({ answers, ...news }) {
      if (answers === undefined) return void this.hear(news);
      this.#waiting.get(answers)?.(news.answer);
      this.#waiting.delete(answers);
    }

    /** @param {object} message */
    tell(message) {
      if (this.#port) this.#port.postMessage(message);
      else this.#unsent.push(message);
    }

    /** @param {object} message @returns {Promise<any>} what it answers */
    ask(message) {
      if (this.#isGivenUp) return Promise.resolve({ error: UNREACHABLE });
      const number = (this.#number += 1);
      this.tell({ ...message, asks: number });
      return new Promise((resolve) => this.#waiting.set(number, resolve));
    }

    /** Whether it has never said that it is there. */
    get isMissing() {
      return this.#port === null;
    }

    /** It did not come, or is to go: who waits for an answer does not have to any longer. */
    giveUp() {
      this.#isGivenUp = true;
      for (const answer of this.#waiting.values()) answer({ error: UNREACHABLE });
      this.#waiting.clear();
    }

    close() {
      this.giveUp();
      removeEventListener("message", this.#onMessage);
      this.#port?.close();
      this.element.remove();
    }
  }

  // Elements ---------------------------------------------------------------------------------------

  const NOT_KNOWN = {
    paymentMethodTypes: "paymentMethodTypes is no longer supported. Use allowedPaymentMethodTypes.",
    clientSecret: "The sandbox takes the options of a deferred intent: mode, amount and currency.",
  };

  function checked(options) {
    for (const [name, why] of Object.entries(NOT_KNOWN)) {
      if (options[name] !== undefined) throw new IntegrationError(`Invalid value for elements(): ${why}`);
    }
    const { mode, amount, currency } = options;
    if (mode !== "payment") throw new IntegrationError(`elements(): the sandbox has no mode ${mode}.`);
    if (!Number.isInteger(amount) || amount <= 0) {
      throw new IntegrationError("Invalid value for elements(): amount should be a positive integer.");
    }
    if (!/^[a-z]{3}$/.test(currency ?? "")) {
      throw new IntegrationError("Invalid value for elements(): currency should be three letters.");
    }
    return options;
  }

  /** What an Elements object is made of; the page has only its methods. */
  class Group {
    options;
    payment = null;
    isSubmitted = false;

    constructor(key, options) {
      this.key = key;
      this.options = checked(options);
    }

    get frame() {
      const frame = this.payment?.frame;
      if (!frame) throw new IntegrationError("Please mount the Payment Element first.");
      return frame;
    }

    async submit() {
      const { error } = await this.frame.ask({ does: "check" });
      this.isSubmitted = !error;
      return error ? { error } : { selectedPaymentMethod: "card" };
    }

    async token(params = {}) {
      if (!this.isSubmitted) {
        throw new IntegrationError("elements.submit() must be called before stripe.createConfirmationToken().");
      }
      this.isSubmitted = false;
      return this.frame.ask({ does: "tokenize", key: this.key, returnUrl: params.return_url });
    }
  }

  /** @param {Group} group */
  function elementsOf(group) {
    const elements = {
      create(type, options = {}) {
        if (type !== "payment") throw new IntegrationError(`The sandbox has no ${type} Element.`);
        if (group.payment) throw new IntegrationError("Can only create one Element of type payment.");
        group.payment = new PaymentElement(group, options);
        return group.payment.face;
      },
      getElement: (type) => (type === "payment" && group.payment ? group.payment.face : null),
      async update(options) {
        group.options = checked({ ...group.options, ...options });
        group.payment?.dress();
      },
      submit: () => group.submit(),
      fetchUpdates: async () => ({}),
    };
    groups.set(elements, group);
    return elements;
  }

  /** The Payment Element: a frame with the card's fields, as tall as they are. */
  class PaymentElement {
    frame = null;
    #listeners = [];
    #loading = 0;

    /** @param {Group} group @param {object} options */
    constructor(group, options) {
      this.group = group;
      this.options = options;
      this.face = {
        mount: (where) => this.#mount(where),
        unmount: () => this.#unmount(),
        destroy: () => this.#destroy(),
        on: (type, act) => this.#listen(type, act, false),
        once: (type, act) => this.#listen(type, act, true),
        off: (type, act) => this.#forget(type, act),
        focus: () => void this.frame?.tell({ does: "focus" }),
        blur: () => void this.frame?.tell({ does: "blur" }),
        clear: () => void this.frame?.tell({ does: "clear" }),
        update: (changes) => ((this.options = { ...this.options, ...changes }), this.face),
        collapse: () => this.face,
      };
    }

    /** How it is to look: by the names of Stripe's Appearance API. */
    dress() {
      const { appearance = {} } = this.group.options;
      if (!this.frame) return;
      // A frame is see-through only where its colour scheme is that of the element around it.
      this.frame.element.style.colorScheme = appearance.theme === "night" ? "dark" : "light";
      this.frame.tell({ does: "dress", appearance });
    }

    #mount(where) {
      const place = typeof where === "string" ? document.querySelector(where) : where;
      if (!(place instanceof HTMLElement)) throw new IntegrationError(`mount: there is no ${where}.`);
      this.#unmount();
      this.frame = new Frame("/v3/card", "Secure payment input frame", (news) => this.#hear(news));
      const { style } = this.frame.element;
      // The margins are for the ring around a field that has the focus.
      Object.assign(style, { display: "block", height: "0", border: "0", width: "calc(100% + 8px)", margin: "-4px" });
      place.replaceChildren(this.frame.element);
      place.classList.add("StripeElement");
      this.#loading = setTimeout(() => this.#miss(), PATIENCE_MS);
      this.dress();
    }

    #miss() {
      this.frame.giveUp();
      this.#emit("loaderror", { error: UNREACHABLE });
    }

    #unmount() {
      clearTimeout(this.#loading);
      this.frame?.close();
      this.frame = null;
    }

    #destroy() {
      this.#unmount();
      this.group.payment = null;
    }

    #hear({ event, ...said }) {
      if (event === "ready") clearTimeout(this.#loading);
      if (event === "height") this.frame.element.style.height = `${said.height}px`;
      else this.#emit(event, said);
    }

    #emit(type, said) {
      const wanted = this.#listeners.filter((each) => each.type === type);
      this.#listeners = this.#listeners.filter((each) => !(each.type === type && each.isOnce));
      for (const { act } of wanted) act({ elementType: "payment", ...said });
    }

    #listen(type, act, isOnce) {
      this.#listeners.push({ type, act, isOnce });
      return this.face;
    }

    #forget(type, act) {
      this.#listeners = this.#listeners.filter((each) => each.type !== type || (act && each.act !== act));
      return this.face;
    }
  }

  // 3-D Secure -------------------------------------------------------------------------------------

  /** Show the bank's question above everything; gives what it was answered. */
  async function askCardHolder(key, clientSecret) {
    const before = document.activeElement;
    const beneath = [...document.body.children].filter((each) => !each.inert);
    let frame = null;
    const answer = new Promise((resolve) => {
      frame = new Frame("/v3/bank", "3-D Secure: the question of the test bank", resolve);
    });
    Object.assign(frame.element.style, {
      position: "fixed", inset: "0", width: "100%", height: "100%", border: "0",
      zIndex: "2147483647", background: "transparent", colorScheme: "light dark",
    });
    document.body.append(frame.element);
    beneath.forEach((each) => (each.inert = true));
    // What is beneath stands still, where it is.
    const { style } = document.documentElement;
    const { overflow, scrollbarGutter } = style;
    Object.assign(style, { overflow: "hidden", scrollbarGutter: "stable" });
    frame.tell({ does: "question", key, clientSecret });
    // Nobody is left before a page that does nothing, with nothing to be seen above it.
    const missed = setTimeout(() => frame.isMissing && frame.hear({ error: UNREACHABLE }), PATIENCE_MS);
    try {
      return await answer;
    } finally {
      clearTimeout(missed);
      frame.close();
      beneath.forEach((each) => (each.inert = false));
      Object.assign(style, { overflow, scrollbarGutter });
      if (before instanceof HTMLElement) before.focus();
    }
  }

  /** @param {string} clientSecret */
  async function retrieve(key, clientSecret) {
    const match = /^(pi_\w+?)_secret_\w+$/.exec(clientSecret ?? "");
    if (!match) {
      throw new IntegrationError("Invalid value: a client secret should look like pi_..._secret_...");
    }
    const address = `${ORIGIN}/v1/payment_intents/${match[1]}?client_secret=${clientSecret}`;
    try {
      const response = await fetch(address, { headers: { Authorization: `Bearer ${key}` } });
      const said = await response.json();
      return response.ok ? { paymentIntent: said } : { error: said.error };
    } catch {
      return { error: UNREACHABLE };
    }
  }

  async function handleNextAction(key, options) {
    const { clientSecret } = options ?? {};
    const { paymentIntent, error } = await retrieve(key, clientSecret);
    if (error) return { error };
    if (paymentIntent.status !== "requires_action") {
      throw new IntegrationError("handleNextAction: the PaymentIntent is not in the requires_action state.");
    }
    return askCardHolder(key, clientSecret);
  }

  // The front door ---------------------------------------------------------------------------------

  function Stripe(key) {
    if (typeof key !== "string" || !/^pk_\w+$/.test(key)) {
      throw new IntegrationError("Please call Stripe() with your publishable key. You used something else.");
    }
    if (!key.startsWith("pk_test_")) throw new IntegrationError("The sandbox takes test keys only.");
    return {
      elements: (options = {}) => elementsOf(new Group(key, options)),
      async createConfirmationToken({ elements, params } = {}) {
        const group = groups.get(elements);
        if (!group) throw new IntegrationError("Please provide the Elements instance: { elements }.");
        return group.token(params);
      },
      handleNextAction: (options) => handleNextAction(key, options),
      retrievePaymentIntent: (clientSecret) => retrieve(key, clientSecret),
    };
  }
  Stripe.version = "sandbox";

  window.Stripe = Stripe;
})();
