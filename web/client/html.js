// Markup without a build step: tagged templates that become Preact elements.
import { h } from "preact";
import htm from "htm";

export const html = htm.bind(h);
