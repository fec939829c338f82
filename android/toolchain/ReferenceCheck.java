import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.objectweb.asm.AnnotationVisitor;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.FieldVisitor;
import org.objectweb.asm.Handle;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/** Finds what compiled classes refer to outside of a list of APIs, themselves and Kotlin's library. */
final class ReferenceCheck {
    private static final String KOTLIN = "kotlin/";
    private static final String ANNOTATIONS = "org/jetbrains/annotations/";

    private final ApiList list;
    private final String guard;

    /** The app's own classes, with what each inherits from. */
    private final Map<String, List<String>> parents = new HashMap<>();

    /** The app's own members, as {@code class.member}. */
    private final Set<String> members = new HashSet<>();

    private final Set<String> outside = new TreeSet<>();

    /** Methods that carry the annotation {@code guard} (null for none) are not looked into. */
    ReferenceCheck(ApiList list, String guard) {
        this.list = list;
        this.guard = guard == null ? null : "L" + guard.replace('.', '/') + ";";
    }

    /** The references that are not in the list, each with the method it is in. */
    Set<String> outside(List<byte[]> classes) {
        classes.forEach(bytes -> new ClassReader(bytes).accept(new Declarations(), ClassReader.SKIP_CODE));
        classes.forEach(bytes -> new ClassReader(bytes).accept(new References(), 0));
        return outside;
    }

    private void member(String where, String owner, String member) {
        if (owner.startsWith("[")) {
            return;
        }
        List<String> above = firstForeign(owner, member);
        boolean known = above == null || above.stream().anyMatch(name -> isLibrary(name) || list.has(name, member));
        if (!known) {
            outside.add(where + " -> " + owner.replace('/', '.') + "." + member);
        }
    }

    private void type(String where, String name) {
        if (name.startsWith("[")) {
            Type element = Type.getType(name).getElementType();
            if (element.getSort() == Type.OBJECT) {
                type(where, element.getInternalName());
            }
        } else if (!parents.containsKey(name) && !isLibrary(name) && !list.has(name)) {
            outside.add(where + " -> class " + name.replace('/', '.'));
        }
    }

    private static boolean isLibrary(String name) {
        return name.startsWith(KOTLIN) || name.startsWith(ANNOTATIONS);
    }

    /** The first classes on the way up that are not the app's; null when one of the app's declares the member. */
    private List<String> firstForeign(String name, String member) {
        List<String> above = parents.get(name);
        if (above == null) {
            return List.of(name);
        }
        if (members.contains(name + "." + member)) {
            return null;
        }
        List<String> foreign = new ArrayList<>();
        for (String parent : above) {
            List<String> further = firstForeign(parent, member);
            if (further == null) {
                return null;
            }
            foreign.addAll(further);
        }
        return foreign;
    }

    /** Notes what the app itself declares. */
    private final class Declarations extends ClassVisitor {
        private String name;

        Declarations() {
            super(Opcodes.ASM9);
        }

        @Override
        public void visit(int version, int access, String name, String signature, String superclass, String[] interfaces) {
            this.name = name;
            List<String> above = new ArrayList<>(List.of(interfaces));
            above.add(superclass);
            parents.put(name, above);
        }

        @Override
        public MethodVisitor visitMethod(int access, String method, String type, String signature, String[] exceptions) {
            members.add(name + "." + method + type);
            return null;
        }

        @Override
        public FieldVisitor visitField(int access, String field, String type, String signature, Object value) {
            members.add(name + "." + field + "#" + type);
            return null;
        }
    }

    /** Looks every reference up. */
    private final class References extends ClassVisitor {
        private String name;

        References() {
            super(Opcodes.ASM9);
        }

        @Override
        public void visit(int version, int access, String name, String signature, String superclass, String[] interfaces) {
            this.name = name;
            type(name, superclass);
            for (String parent : interfaces) {
                type(name, parent);
            }
        }

        @Override
        public MethodVisitor visitMethod(int access, String method, String type, String signature, String[] exceptions) {
            return new Body(name.replace('/', '.') + "." + method);
        }
    }

    /** Collects a method's references, which count unless its annotations, visited first, guard it. */
    private final class Body extends MethodVisitor {
        private final String where;
        private boolean guarded;

        Body(String where) {
            super(Opcodes.ASM9);
            this.where = where;
        }

        @Override
        public AnnotationVisitor visitAnnotation(String type, boolean visible) {
            guarded |= type.equals(guard);
            return null;
        }

        @Override
        public void visitMethodInsn(int opcode, String owner, String method, String type, boolean isInterface) {
            refer(owner, method + type);
        }

        @Override
        public void visitFieldInsn(int opcode, String owner, String field, String type) {
            refer(owner, field + "#" + type);
        }

        @Override
        public void visitTypeInsn(int opcode, String name) {
            if (!guarded) {
                type(where, name);
            }
        }

        @Override
        public void visitLdcInsn(Object value) {
            if (!guarded && value instanceof Type type && type.getSort() >= Type.ARRAY && type.getSort() <= Type.OBJECT) {
                type(where, type.getInternalName());
            }
        }

        /** Lambdas; R8 replaces the bootstrap methods of Java's own library, so that these need not be in the list. */
        @Override
        public void visitInvokeDynamicInsn(String method, String type, Handle bootstrap, Object... arguments) {
            for (Object argument : arguments) {
                if (argument instanceof Handle handle) {
                    boolean isField = handle.getTag() <= Opcodes.H_PUTSTATIC;
                    refer(handle.getOwner(), handle.getName() + (isField ? "#" : "") + handle.getDesc());
                }
            }
        }

        private void refer(String owner, String member) {
            if (!guarded) {
                member(where, owner, member);
            }
        }
    }
}
