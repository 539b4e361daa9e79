import { parser } from '@prometheus-io/lezer-promql';

/** Names of the series that a PromQL expression reads, recorded ones included. @throws Error when it is no PromQL. */
export function metricNamesOf(expression: string): Set<string> {
  const names = new Set<string>();
  parser.parse(expression).iterate({
    enter(node) {
      if (node.type.isError) {
        throw new Error(`Not PromQL at character ${node.from}: ${expression}`);
      }
      if (node.name === 'VectorSelector') {
        const name = node.node.getChild('Identifier');
        if (name === null) throw new Error(`A selector names no metric: ${expression}`);
        names.add(expression.slice(name.from, name.to));
      }
    },
  });
  return names;
}
