// SPDX-License-Identifier: MIT
/**
 * testing/overlay — an object as it is, but for some members.
 */

/**
 * The same object to whoever uses it, but for the members that `replace` gives. Classes with private members stay what they are:
 * methods and getters run on the object itself. What is frozen can be replaced too.
 */
export function overlay<T extends object>(
  of: T,
  replace: (key: PropertyKey, value: unknown) => unknown,
): T {
  const standIn: unknown = new Proxy(Object.create(Object.getPrototypeOf(of) as object | null), {
    get(_, key) {
      const value: unknown = Reflect.get(of, key, of);
      return replace(key, typeof value === 'function' ? value.bind(of) : value);
    },
    set: (_, key, value) => Reflect.set(of, key, value, of),
    has: (_, key) => Reflect.has(of, key),
  });
  return standIn as T;
}
