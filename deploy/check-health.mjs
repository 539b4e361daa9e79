/* global fetch, AbortSignal */
// The health check of the image: exit code 0 when the service on PORT is ready.
try {
  const answer = await fetch(`http://127.0.0.1:${process.env.PORT}/health/ready`, {
    signal: AbortSignal.timeout(4_000),
  });
  if (!answer.ok) throw new Error(await answer.text());
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
