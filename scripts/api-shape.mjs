// SPDX-License-Identifier: MIT
/**
 * What a declaration file promises, as text that can be compared: for each exported name its kind, its
 * base and its public members. Two files that say the same give the same text, whatever their comments,
 * order, formatting, import paths and parameter names. A getter is a readonly property; a private base
 * class that is not exported lends its members to the class that extends it.
 */
import ts from 'typescript';

const OPTIONS = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  lib: ['lib.es2023.d.ts', 'lib.es2024.sharedmemory.d.ts', 'lib.esnext.disposable.d.ts'],
  types: [],
  noEmit: true,
};
const HIDDEN = ts.ModifierFlags.Private | ts.ModifierFlags.Protected;
const printer = ts.createPrinter({ removeComments: true });

const flagsOf = (node) => ts.getCombinedModifierFlags(node);
const list = (nodes) => nodes.map(show).join(', ');

/** The text of any node, on one line and without comments. */
function plain(node) {
  const text = printer.printNode(ts.EmitHint.Unspecified, node, node.getSourceFile());
  return text.replaceAll(/\s+/g, ' ').replaceAll("'", '"');
}

/** The text of a type: members of unions and of object types in alphabetical order. */
function show(node) {
  if (ts.isParenthesizedTypeNode(node)) return show(node.type);
  if (ts.isUnionTypeNode(node)) return [...new Set(node.types.map(operand))].toSorted().join(' | ');
  if (ts.isIntersectionTypeNode(node)) return node.types.map(operand).toSorted().join(' & ');
  if (ts.isArrayTypeNode(node)) return `${operand(node.elementType)}[]`;
  if (ts.isTypeOperatorNode(node)) {
    return `${ts.tokenToString(node.operator)} ${operand(node.type)}`;
  }
  if (ts.isFunctionTypeNode(node)) return signature(node);
  if (ts.isTypeLiteralNode(node)) return `{ ${[...membersOf([node])].map(showMember).join('; ')} }`;
  if (ts.isTupleTypeNode(node)) return `[${list(node.elements)}]`;
  if (ts.isNamedTupleMember(node)) return tupleMember(node);
  if (ts.isTypeReferenceNode(node)) return reference(plain(node.typeName), node.typeArguments);
  if (ts.isImportTypeNode(node) && node.qualifier) {
    return reference(plain(node.qualifier), node.typeArguments);
  }
  return plain(node);
}

const showMember = ([name, { text }]) => `${name} ${text}`;

/** A type inside another one: in parentheses when it would otherwise run into its neighbours. */
function operand(node) {
  const inner = ts.isParenthesizedTypeNode(node) ? node.type : node;
  const compound = ts.isUnionTypeNode(inner) || ts.isIntersectionTypeNode(inner);
  const loose = compound || ts.isFunctionTypeNode(inner);
  return loose || ts.isTypeOperatorNode(inner) ? `(${show(inner)})` : show(inner);
}

function reference(name, args) {
  return args ? `${name}<${list(args)}>` : name;
}

function tupleMember(node) {
  const type = `${show(node.type)}${node.questionToken ? '?' : ''}`;
  return node.dotDotDotToken ? `...${type}` : type;
}

function generics(node) {
  if (!node.typeParameters?.length) return '';
  const each = node.typeParameters.map((parameter) => {
    const isConst = flagsOf(parameter) & ts.ModifierFlags.Const ? 'const ' : '';
    const bound = parameter.constraint ? ` extends ${show(parameter.constraint)}` : '';
    const fallback = parameter.default ? ` = ${show(parameter.default)}` : '';
    return `${isConst}${parameter.name.text}${bound}${fallback}`;
  });
  return `<${each.join(', ')}>`;
}

function signature(node) {
  const parameters = node.parameters.map((parameter) => {
    const rest = parameter.dotDotDotToken ? '...' : '';
    return `${rest}${typeText(parameter)}${parameter.questionToken ? '?' : ''}`;
  });
  return `${generics(node)}(${parameters.join(', ')}) => ${node.type ? returned(node) : 'any'}`;
}

/** `e is T` names a parameter: its position says the same. */
function returned(node) {
  if (!ts.isTypePredicateNode(node.type)) return show(node.type);
  const at = node.parameters.findIndex(
    (p) => p.name.getText() === node.type.parameterName.getText(),
  );
  return `#${at} is ${node.type.type ? show(node.type.type) : 'truthy'}`;
}

/** Declarations write `readonly a = 1` for `readonly a: 1`. */
function typeText(node) {
  if (node.type) return show(node.type);
  return node.initializer ? plain(node.initializer) : 'any';
}

function describe(node) {
  const optional = node.questionToken ? 'optional ' : '';
  const abstract = flagsOf(node) & ts.ModifierFlags.Abstract ? 'abstract ' : '';
  if (ts.isGetAccessor(node)) return `${abstract}readonly: ${node.type ? show(node.type) : 'any'}`;
  if (ts.isConstructorDeclaration(node)) return `(${signature(node)})`;
  const readonly = flagsOf(node) & ts.ModifierFlags.Readonly ? 'readonly' : '';
  if (ts.isPropertyDeclaration(node) || ts.isPropertySignature(node)) {
    return `${optional}${abstract}${readonly}: ${typeText(node)}`;
  }
  if (ts.isIndexSignatureDeclaration(node)) return `${readonly}: ${show(node.type)}`;
  return `${optional}${abstract}${signature(node)}`;
}

/** The name a member goes by; null for what is no part of the promise. */
function memberName(node) {
  if (ts.isConstructorDeclaration(node)) return 'constructor';
  if (flagsOf(node) & HIDDEN || (node.name && ts.isPrivateIdentifier(node.name))) return null;
  if (ts.isConstructSignatureDeclaration(node)) return 'new';
  if (ts.isCallSignatureDeclaration(node)) return 'call';
  if (ts.isIndexSignatureDeclaration(node)) return `[${show(node.parameters[0].type)}]`;
  const name = ts.isComputedPropertyName(node.name) ? node.name.getText() : node.name.text;
  return flagsOf(node) & ts.ModifierFlags.Static ? `static ${name}` : name;
}

/** Public members of declarations that share a name, overloads joined; sorted. */
function membersOf(declarations) {
  const texts = new Map();
  for (const node of declarations.flatMap((declaration) => [...declaration.members])) {
    const name = memberName(node);
    if (name === null) continue;
    const hidden = flagsOf(node) & HIDDEN;
    const isSetter = ts.isSetAccessor(node);
    const text = hidden
      ? ts.ModifierFlags[hidden].toLowerCase()
      : isSetter
        ? 'set'
        : describe(node);
    texts.set(name, [...(texts.get(name) ?? []), text]);
  }
  const sorted = [...texts].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return new Map(sorted.map(([name, all]) => [name, { text: joined(all) }]));
}

function joined(texts) {
  if (!texts.includes('set')) return texts.join(' & ');
  return texts
    .filter((text) => text !== 'set')
    .join('')
    .replace('readonly:', ':');
}

const hasMembers = (node) => ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node);
const isPlatform = (node) => node.getSourceFile().fileName.includes('/node_modules/');

/** The classes or interfaces a declaration extends: exported ones by name, others as declarations. */
function basesOf(checker, declarations, exported) {
  const names = [];
  const inner = [];
  for (const clause of declarations.flatMap((node) => node.heritageClauses ?? [])) {
    if (clause.token !== ts.SyntaxKind.ExtendsKeyword) continue;
    for (const type of clause.types) {
      const symbol =
        checker.getTypeAtLocation(type.expression).symbol ??
        checker.getSymbolAtLocation(type.expression);
      const own = (symbol?.declarations ?? []).filter(
        (node) => hasMembers(node) && !isPlatform(node),
      );
      if (symbol === undefined || exported.has(symbol.name) || own.length === 0) {
        names.push(reference(plain(type.expression), type.typeArguments));
      } else inner.push(own);
    }
  }
  return { names, inner };
}

function shapeOfType(checker, declarations, exported) {
  const members = membersOf(declarations);
  const { names, inner } = basesOf(checker, declarations, exported);
  for (const own of inner) {
    const base = shapeOfType(checker, own, exported);
    names.push(...base.bases);
    for (const [name, member] of base.members) if (!members.has(name)) members.set(name, member);
  }
  return { members, bases: names };
}

function shapeOf(checker, declarations, exported) {
  const [first] = declarations;
  if (hasMembers(first)) {
    const { members, bases } = shapeOfType(checker, declarations, exported);
    const abstract = flagsOf(first) & ts.ModifierFlags.Abstract ? 'abstract ' : '';
    const kind = ts.isClassDeclaration(first) ? `${abstract}class` : 'interface';
    return { text: `${kind}${generics(first)}`, bases, members };
  }
  const none = { bases: [], members: new Map() };
  if (ts.isTypeAliasDeclaration(first)) {
    if (ts.isTypeLiteralNode(first.type)) {
      // To its users an alias of an object type is an interface that can also be JSON.
      const members = membersOf([first.type]);
      return { text: `interface${generics(first)}`, bases: [], members };
    }
    return { text: `type${generics(first)} = ${show(first.type)}`, ...none };
  }
  if (ts.isVariableDeclaration(first)) return { text: `const: ${typeText(first)}`, ...none };
  if (ts.isFunctionDeclaration(first)) {
    return { text: `function ${declarations.map(signature).join(' & ')}`, ...none };
  }
  return { text: plain(first), ...none };
}

/** In a hand-written declaration file the compiler also exports what does not say `export`. */
function isSaidToBeExported(symbol) {
  if (symbol.flags & ts.SymbolFlags.Alias) return true;
  return (symbol.declarations ?? []).some((node) => flagsOf(node) & ts.ModifierFlags.Export);
}

/** @returns a map from each name the file exports to `{ text, bases, members }`. */
export function readShape(file) {
  const program = ts.createProgram([file], OPTIONS);
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(file);
  const module = source && checker.getSymbolAtLocation(source);
  if (!module) throw new Error(`${file} is missing, or exports nothing`);
  const symbols = checker.getExportsOfModule(module).filter(isSaidToBeExported);
  const exported = new Set(symbols.map((symbol) => symbol.name));
  return new Map(
    symbols.map((symbol) => {
      const real = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      return [symbol.name, shapeOf(checker, real.declarations ?? [], exported)];
    }),
  );
}
