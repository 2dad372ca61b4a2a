// The frame's end of the channel to the page around it.

/**
 * Say that we are here, and take the port that the page gives.
 * @param {Record<string, (message: any) => any>} deeds By name; what one returns is the answer.
 * @returns {(news: object) => void} says something to the page
 */
export function connect(deeds) {
  let port = null;
  addEventListener("message", ({ source, data, ports }) => {
    // Which pages may be around us is a matter of `frame-ancestors`.
    if (source !== window.parent || data !== "sandbox:port" || ports.length !== 1) return;
    [port] = ports;
    port.onmessage = async ({ data: { does, asks, ...message } }) => {
      const answer = await deeds[does]?.(message);
      if (asks !== undefined) port.postMessage({ answers: asks, answer });
    };
  });
  // Nothing is told with it, so it may be anybody's; the page looks at who it is from.
  window.parent.postMessage("sandbox:here", "*");
  return (news) => port?.postMessage(news);
}

const UNREACHABLE = { type: "api_connection_error", message: "The payment sandbox cannot be reached." };

/**
 * Ask the sandbox: gives what it says, or its error.
 * @param {string} path @param {RequestInit} request
 * @returns {Promise<{said?: any, error?: any}>}
 */
export async function ask(path, request) {
  try {
    const response = await fetch(path, request);
    const said = await response.json();
    return response.ok ? { said } : { error: said.error };
  } catch {
    return { error: UNREACHABLE };
  }
}
