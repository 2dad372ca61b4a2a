// The description of the interface, rendered. What is tried out here is sent to this very site, with
// the session that this browser has.
window.SwaggerUIBundle({
  url: "/api/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0, // The names of the types; each opens on demand.
  displayRequestDuration: true,
  queryConfigEnabled: false, // A link must not make this page describe somebody else's site.
  validatorUrl: null, // Nothing here is sent to anybody.
});
