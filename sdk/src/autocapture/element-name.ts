/** A short selector by which people recognise an element: `button#buy`, `a.nav-link`, `input[name=q]`, `li`. */
export function elementName(element: Element): string {
  const tag = element.localName;
  const attribute = (name: string): string => element.getAttribute(name) ?? '';
  if (attribute('id') !== '') return `${tag}#${attribute('id')}`;
  if (attribute('name') !== '') return `${tag}[name=${attribute('name')}]`;
  const [firstClass] = element.classList;
  return firstClass === undefined ? tag : `${tag}.${firstClass}`;
}
