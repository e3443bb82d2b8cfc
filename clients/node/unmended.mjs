// The receiver of the SDK just as published, for the test that shows what is wrong with it.

const { default: WhatsApp } = await import('whatsapp');
const sdk = new WhatsApp(1);
sdk.webhooks.start((status, headers, body, response) => {
  response.writeHead(200);
  response.end();
});
