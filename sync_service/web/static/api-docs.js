// Show the OpenAPI document with Swagger UI. Nothing is fetched from other sites: the online validator is off.
const root = document.getElementById("api-docs");

SwaggerUIBundle({
  url: root.dataset.document,
  domNode: root,
  deepLinking: true,
  validatorUrl: null,
  supportedSubmitMethods: ["get"],
});
